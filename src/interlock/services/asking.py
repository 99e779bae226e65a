"""How a feature is asked: its target, its model, its judges, under one set of limiters and one cap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.core.bundle import Bundle
from interlock.core.digest import Digest, of_value
from interlock.core.errors import TargetError, UsageError
from interlock.core.manifest import RUNTIME_PARTS, Manifest, Part, Price, RunSpec, TargetSpec
from interlock.core.suite import Suite, SuiteKind
from interlock.ports import Bench, Chat, LiveChat, Progress, Records, SupportScorer, Target, TrialStore
from interlock.services.calls import NoChat, Purse, RecordedChat
from interlock.services.curtail import StopSlice
from interlock.services.evaluate import Run, evaluate
from interlock.services.import_binding import refuse_unbound
from interlock.services.limiter import Limiter, Pacing
from interlock.services.parts import Loaded
from interlock.services.recorder import RecordedCall, parse_recordings
from interlock.services.weighed_run import Weighing, open_weighing

if TYPE_CHECKING:
    from interlock.services.jury import Jury

HAS_APP = frozenset({"python", "http", "command"})
"""Kinds of targets with an app in which an answer policy can sit."""
ASKS_HERE = frozenset({"python", "openai"})
"""Kinds of targets that ask their model through the run's own chat, where a probe can spoil the output."""
ASKS_THERE = frozenset({"http", "command"})
"""Kinds of targets that are an endpoint themselves, with its own limiter."""

Look = Callable[[Run, SupportScorer | None], None]
"""What looks at a run while what its answers are weighed with can still be asked."""


@dataclass
class Asking:
    """One feature, and how its app is asked: through which target and chat, under which limiters, by which names.

    Each trial is asked at most once for the same upstream bytes.
    """

    manifest: Manifest
    app: Digest
    records: Records
    bench: Bench
    progress: Progress
    named: frozenset[str] = frozenset()
    """Files that the bundle or the app build names: what may run."""
    _recorded: Mapping[str, RecordedCall] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.pacing = Pacing(self.manifest.run)
        """The limiters of everything that is asked here: the app, its model, and whoever judges."""

    @cached_property
    def jury(self) -> "Jury":
        """Who asks the judges; loaded only where a suite has some."""
        from interlock.services.jury import Jury

        return Jury(self.manifest, self.records, self.bench, self.pacing, self._recordings)

    def upstream(self, bundle: Bundle, spec: TargetSpec | None = None) -> dict[str, str]:
        """What shapes a reply: the runtime parts, the app build, and how the app, or another target, is reached."""
        target = of_value((spec or self.manifest.target).model_dump(mode="json"), domain="interlock.target.v1")
        return {**bundle.parts(RUNTIME_PARTS), "app": self.app, "target": target}

    def suites(self, loaded: Loaded) -> tuple[Suite, ...]:
        """The suites that the app itself is asked; those of kind baseline belong to the path without AI."""
        return tuple(suite for suite in loaded.suites if suite.kind is not SuiteKind.BASELINE)

    async def _ask(
        self, loaded: Loaded, suites: Sequence[Suite], trials: TrialStore, run_id: str, arm: TargetSpec | None = None,
        *, spec: RunSpec | None = None, may_ask: bool = True, stop_slice: StopSlice | None = None,
        look: Look | None = None,
    ) -> Run:  # fmt: skip
        purse = Purse()
        weighing = Weighing() if arm is not None else self.weighing(loaded, run_id, purse, may_ask=may_ask)
        root = self.bench.assemble(loaded.bundle, loaded.tree)
        target = self.bench.target(arm or self._spec(loaded.bundle))
        live = self._live() if arm is None and may_ask else None
        refuse_unbound(getattr(target, "source", None), loaded.bundle)
        chat: Chat = self._chat(loaded, run_id, live, purse) if arm is None else NoChat()
        try:
            self._can_hear(suites)
            run = await evaluate(
                loaded,
                suites,
                root=root,
                target=target,
                chat=chat,
                trials=trials,
                run=spec or self.manifest.run,
                run_id=run_id,
                upstream=self.upstream(loaded.bundle, arm),
                scorers=self.bench.scorers(loaded.output_schema, weighing.scorer),
                clock=self.records.clock,
                progress=self.progress,
                limiter=self._limiter() if self.manifest.target.kind in ASKS_THERE else None,
                stop_slice=stop_slice,
            )
            self._same_bytes(loaded, root, target)
            if look is not None:
                look(run, weighing.scorer)
        finally:
            weighing.close()
            await target.close()
            if live is not None:
                await live.close()
        return replace(run, calls=run.calls + weighing.calls, cost_usd=run.cost_usd + weighing.cost_usd)

    def weighing(
        self, loaded: Loaded, run_id: str = "", purse: Purse | None = None, *, may_ask: bool = False
    ) -> Weighing:
        """What this bundle's answers are weighed with; close it. Nothing is asked unless `may_ask`, only what is recorded is used."""
        return open_weighing(
            loaded, manifest=self.manifest, records=self.records, bench=self.bench, run_id=run_id,
            purse=purse or Purse(), recordings=self._recordings, may_ask=may_ask,
        )  # fmt: skip

    def _can_hear(self, suites: Sequence[Suite]) -> None:
        """Refuse, before anything is paid, to score languages that nothing here can tell apart."""
        wanted = [case.id for suite in suites for case in suite.cases if case.expect.language is not None]
        if wanted and self.bench.languages() is None:
            raise UsageError(
                f"case `{wanted[0]}` expects a language, and nothing here tells languages apart",
                hint='pip install "interlock[languages]"',
            )

    def _same_bytes(self, loaded: Loaded, root: Path, target: Target) -> None:
        """Refuse a run that was not of the bytes that it would be evidence for.

        Raises: TargetError when the app changed the bundle's files while it ran, or imported code that nobody named.
        """
        if not self.bench.intact(loaded.bundle, loaded.tree, root):
            raise TargetError(
                "the app changed the files of its bundle while it ran, so the run is evidence of nothing",
                hint="an app reads from `root`; let it write elsewhere",
            )
        loaded_files = getattr(target, "loaded_files", None)
        unnamed = sorted(set(loaded_files()) - self.named) if loaded_files else []
        if unnamed:
            raise TargetError(
                f"the app runs `{unnamed[0]}`"
                + (f" and {len(unnamed) - 1} more files" if len(unnamed) > 1 else "")
                + ", which `app.files` does not claim",
                hint="add what it imports to `app.files`, so that its edits are somebody's change",
            )

    def _spec(self, bundle: Bundle) -> TargetSpec:
        """How this bundle is reached: `{model}` in the path of recorded replies stands for the id of its model."""
        spec = self.manifest.target
        if spec.path is None or "{model}" not in spec.path:
            return spec
        return spec.model_copy(update={"path": spec.path.replace("{model}", bundle.components[Part.MODEL].spec["id"])})

    def _live(self) -> LiveChat | None:
        return None if self.manifest.run.calls == "replay-strict" else self.bench.live_chat(self.manifest.target)

    def _chat(self, loaded: Loaded, run_id: str, live: LiveChat | None, purse: Purse | None = None) -> RecordedChat:
        spec, run = loaded.bundle.components[Part.MODEL].spec, self.manifest.run
        price = spec.get("price")
        replays = run.calls in ("replay-strict", "replay-or-live")
        return RecordedChat(
            mode=run.calls,
            live=live,
            store=self.records.calls,
            clock=self.records.clock,
            run=run_id,
            recordings=self._recordings() if replays else {},
            fingerprint=spec.get("fingerprint") or f"{spec['provider']}:{spec['id']}",
            price=None if price is None else Price.model_validate(price),
            cap_usd=run.cost_cap_usd,
            reads=self.upstream(loaded.bundle),
            limiter=self._limiter(),
            attempts=run.attempts,
            purse=purse,
        )

    def _recordings(self) -> Mapping[str, RecordedCall]:
        """Read once: they do not change while something is measured, and many mutants read them."""
        if self._recorded is None:
            self._recorded = parse_recordings(self.bench.recordings(self.manifest.run.recordings))
        return self._recorded

    def _limiter(self) -> Limiter:
        target = self.manifest.target
        url = self.bench.address(target.url) if target.url else ""  # a judge may be asked at the same one
        return self.pacing.of(url or " ".join(target.command or (target.kind,)))

    def _run_id(self, upstream: Mapping[str, str], evals: Mapping[str, str], suites: Sequence[Suite]) -> str:
        """The same for a run that was interrupted and goes on, another one for a run that starts anew."""
        asked = [[suite.name, len(suite.cases)] for suite in suites]  # a smoke set is a part of what its files hold
        named = {"upstream": dict(upstream), "evals": dict(evals), "suites": asked}
        base = of_value(named, domain="interlock.run.v1").removeprefix("sha256:")[:16]
        finished = sum(fact.body["id"].startswith(base) for fact in self.records.ledger.facts("run"))
        return f"{base}-{finished + 1}"

    def _now(self) -> datetime:
        return self.records.clock.now()
