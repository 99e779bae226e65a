"""What is tried on an app beside its cases: broken outputs, planted answers, forbidden calls, what neighbours stored."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest
from interlock.core.manifest import READS_STORED, TAKES_PROBES, TAKES_TOOL_PROBES
from interlock.core.suite import Suite
from interlock.services.asking import ASKS_HERE, HAS_APP, Asking
from interlock.services.evaluate import trial_keys
from interlock.services.parts import Loaded
from interlock.services.probes import measure_fuzz, measure_safe_path, probe, probe_cases

if TYPE_CHECKING:
    from interlock.services.tool_probes import Tried


class Probing(Asking):
    """A feature whose app is probed, each probe through the path that its answers take."""

    async def probe(self, loaded: Loaded) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The fuzz half of PRS-01 and the data of PRS-02: what the app does when the model writes nonsense."""
        return await self._probe(loaded)

    async def _probe(self, loaded: Loaded) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        safe_path = loaded.operations.on_parse_failure
        if self.manifest.target.kind not in ASKS_HERE:  # its model is out of reach: asking would cost and spoil nothing
            return measure_fuzz((), safe_path), measure_safe_path((), safe_path)
        root = self.bench.assemble(loaded.bundle, loaded.tree)
        target, live = self.bench.target(self._spec(loaded.bundle)), self._live()
        chat = self._chat(loaded, self._run_id({"probe": loaded.bundle.digest, "app": self.app}, {}, ()), live)
        try:
            probes = await probe(
                loaded, probe_cases(self.suites(loaded)), root=root, target=target, chat=chat,
                timeout_s=self.manifest.run.timeout_s,
            )  # fmt: skip
        finally:
            await target.close()
            if live is not None:
                await live.close()
        return measure_fuzz(probes, safe_path), measure_safe_path(probes, safe_path)

    async def probe_tools(self, loaded: Loaded) -> "tuple[Tried, ...] | None":
        """Calls that nobody may make, proposed in the app's own path; None where the app declares none that can be reached."""
        from interlock.services.tool_probes import try_tool_probes

        cases = probe_cases(self.suites(loaded), most=1)
        declared = TAKES_TOOL_PROBES in self.manifest.app.capabilities
        if not declared or self.manifest.target.kind not in ASKS_HERE or not cases:
            return None
        root = self.bench.assemble(loaded.bundle, loaded.tree)
        target, live = self.bench.target(self._spec(loaded.bundle)), self._live()
        chat = self._chat(loaded, self._run_id({"tools": loaded.bundle.digest, "app": self.app}, {}, ()), live)
        try:
            return await try_tool_probes(
                loaded, cases[0], root=root, target=target, chat=chat, timeout_s=self.manifest.run.timeout_s
            )
        finally:
            await target.close()
            if live is not None:
                await live.close()

    def _reads_stored(self) -> bool:
        """Whether the app says that it reads stored outputs itself; else its schema says what it would read."""
        return self.manifest.target.kind in HAS_APP and READS_STORED in self.manifest.app.capabilities

    async def _contract(self, loaded: Loaded, old: Loaded) -> Mapping[str, Any]:
        """What this bundle and the one that is live stored, each read by the other; nothing is asked of a model."""
        from interlock.services.contract import app_reader, measure_contract, stored_outputs

        made, stored = (
            stored_outputs(self.records.trials, self._all_keys(each, (*self.suites(loaded), *self.suites(old))))
            for each in (loaded.bundle, old.bundle)
        )
        case = next((case for suite in self.suites(loaded) for case in suite.cases), None)
        if not self._reads_stored() or case is None:
            return await measure_contract(loaded, old, made=made, stored=stored, reader=None, back_reader=None)
        target = self.bench.target(self._spec(loaded.bundle))
        try:
            readers = [
                app_reader(
                    target,
                    case,
                    self.bench.assemble(each.bundle, each.tree),
                    each.output_schema,
                    self.manifest.run.timeout_s,
                )
                for each in (loaded, old)
            ]
            return await measure_contract(
                loaded, old, made=made, stored=stored, reader=readers[0], back_reader=readers[1]
            )
        finally:
            await target.close()

    def _all_keys(self, bundle: Bundle, suites: Sequence[Suite]) -> set[Digest]:
        """The names of all trials of a bundle on these suites, with every app build that it was evaluated with."""
        from interlock.services.contract import apps_of

        upstream, repeats = self.upstream(bundle), self.manifest.run.repeats
        apps = apps_of(self.records, bundle, self.app)
        return {key for app in apps for key in trial_keys(suites, {**upstream, "app": app}, repeats)}

    def _takes_probes(self) -> bool:
        """Whether the app says that it hands probes to its policy; one that does not is not asked, and not paid for."""
        return self.manifest.target.kind in HAS_APP and TAKES_PROBES in self.manifest.app.capabilities

    async def _probe_guardrail(self, loaded: Loaded) -> Mapping[str, Mapping[str, Any]]:
        # Loaded when it is needed: the words of four languages come with it.
        from interlock.services.guardrail_probes import Probed, measure_commitments, measure_live_path, probe_guardrail

        probed: tuple[Probed, ...] = ()
        cases = probe_cases(self.suites(loaded), most=1)
        if self._takes_probes() and cases:
            root = self.bench.assemble(loaded.bundle, loaded.tree)
            target, live = self.bench.target(self._spec(loaded.bundle)), self._live()
            chat = self._chat(loaded, self._run_id({"guardrail": loaded.bundle.digest, "app": self.app}, {}, ()), live)
            try:
                probed = await probe_guardrail(
                    loaded, cases[0], root=root, target=target, chat=chat, timeout_s=self.manifest.run.timeout_s
                )
            finally:
                await target.close()
                if live is not None:
                    await live.close()
        takes = self._takes_probes()
        return {
            "SAFE-05": measure_live_path(probed, declared=takes),
            "DOM-03": measure_commitments(loaded, probed, declared=takes),
        }
