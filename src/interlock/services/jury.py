"""The judges of a run: under the same cap, limiters, call mode and recordings as the app that they judge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from interlock.core.judge_rules import counts_for_nothing
from interlock.core.judges import Judge
from interlock.core.manifest import Manifest
from interlock.core.suite import Suite
from interlock.ports import Bench, LiveChat, Records
from interlock.services.calls import RecordedChat
from interlock.services.evaluate import Run, RunPlan
from interlock.services.judge_asking import PinnedChat, call_fingerprint
from interlock.services.judge_standing import asked_slices, standing_of
from interlock.services.judged_run import judged
from interlock.services.limiter import Pacing
from interlock.services.recorder import RecordedCall


@dataclass(frozen=True)
class Jury:
    """Asks the judges that have an endpoint.

    pacing: the limiters that the app's own calls go through. recordings: read only where calls are replayed.
    """

    manifest: Manifest
    records: Records
    bench: Bench
    pacing: Pacing
    recordings: Callable[[], Mapping[str, RecordedCall]]

    async def hear(self, run: Run) -> Run:
        """The run with the word of each judge that a requirement asks for.

        Raises: CapError when a cap is set, a judge could be asked, and its price is not pinned; TargetError when a variable of its
            address is not set.
        """
        spec, opened = self.manifest.run, list[LiveChat]()
        left_s = None
        if spec.run_deadline_s is not None:
            left_s = max(0.0, spec.run_deadline_s - (run.finished - run.started).total_seconds())
        try:
            return await judged(
                run, lambda judge: self.chat(judge, run.id, opened, spent_usd=run.outside_usd), at_once=spec.concurrency,
                seconds=left_s,
            )  # fmt: skip
        finally:
            for live in opened:
                await live.close()

    def chat(self, judge: Judge, run_id: str, opened: list[LiveChat], *, spent_usd: float = 0.0) -> RecordedChat:
        """The chat through which a judge is asked; what it opens is added to `opened`, for the caller to close.

        Args:
            spent_usd: US dollars of the cap that the calls of the run do not tell of.
        """
        spec, endpoint = self.manifest.run, judge.spec.endpoint
        if endpoint is None:
            raise ValueError(f"judge `{judge.spec.name}` has no endpoint")
        live: PinnedChat | None = None
        if spec.calls != "replay-strict":
            live = PinnedChat(self.bench.model_chat(endpoint), judge.spec.model)
            opened.append(live)
        cap = None if spec.cost_cap_usd is None else max(0.0, spec.cost_cap_usd - spent_usd)
        return RecordedChat(
            mode=spec.calls,
            live=live,
            store=self.records.calls,
            clock=self.records.clock,
            run=run_id,
            recordings=self.recordings() if spec.calls in ("replay-strict", "replay-or-live") else {},
            fingerprint=call_fingerprint(judge),
            price=judge.spec.model.price,
            cap_usd=cap,
            limiter=self.pacing.of(self.bench.address(endpoint.url)),
            attempts=spec.attempts,
        )

    def added_to(self, plan: RunPlan, suites: Sequence[Suite]) -> RunPlan:
        """The plan of a run with what its judges would be asked at most, were every reply an answer and none recorded.

        They share the cap of the run, so the most that it costs is the cap, however many of its calls have a price.
        """
        spec = self.manifest.run
        calls, free = 0, spec.calls == "replay-strict"
        if not free:
            free = True
            for suite in suites:
                for judge in suite.judges:
                    if judge.spec.endpoint is None or judge.criteria is None:
                        continue
                    if counts_for_nothing(standing_of(suite.name, judge), ""):
                        continue
                    cases = {case.id for piece in asked_slices(suite, judge) for case in suite.of_slice(piece.id)}
                    calls += len(cases) * (2 if judge.criteria.compare else 1)
                    price = judge.spec.model.price
                    free &= price is not None and not (price.input_per_mtok_usd or price.output_per_mtok_usd)
        cost = plan.cost_max_usd if free or not calls else spec.cost_cap_usd
        return replace(plan, calls_max=plan.calls_max + calls, cost_max_usd=cost)
