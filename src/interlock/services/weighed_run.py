"""The scorer of evidence of a run: the one that the bundle's policy declares, under the run's cap, call mode and recordings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.core.manifest import Manifest
from interlock.ports import Bench, LiveChat, Records, SupportScorer
from interlock.services.calls import Purse, RecordedChat
from interlock.services.limiter import Limiter
from interlock.services.parts import Loaded
from interlock.services.recorder import RecordedCall


@dataclass
class Weighing:
    """What a run weighs evidence with; `scorer` None: the embedded scorer. calls, cost_usd: what it took now."""

    scorer: SupportScorer | None = None
    calls: int = 0
    cost_usd: float = 0.0
    _live: list[LiveChat] = field(default_factory=list)

    def close(self) -> None:
        """Close the connections of a scorer that asks an endpoint."""
        close = getattr(self.scorer, "close", None)
        if close is not None:
            close(*self._live)


def open_weighing(
    loaded: Loaded,
    *,
    manifest: Manifest,
    records: Records,
    bench: Bench,
    run_id: str,
    purse: Purse,
    recordings: Callable[[], Mapping[str, RecordedCall]],
    may_ask: bool,
) -> Weighing:
    """What this bundle's answers are weighed with.

    Args:
        purse: of the run, which the app's own calls spend from at the same time.
        may_ask: whether what is not recorded may be asked, where the manifest permits it at all.
    Raises: UsageError for a scorer that cannot be had; CapError when a cap is set and the price of its model is not pinned.
    """
    spec, run = loaded.answers.evidence.scorer, manifest.run
    if spec is None:
        return Weighing()
    if spec.kind != "endpoint":
        return Weighing(bench.support(spec))
    from interlock.services.judge_asking import PinnedChat

    found = Weighing()
    if may_ask and run.calls != "replay-strict":
        found._live.append(PinnedChat(bench.model_chat(spec.endpoint), spec.model))
    chat = RecordedChat(
        mode=run.calls,
        live=found._live[0] if found._live else None,
        store=records.calls,
        clock=records.clock,
        run=run_id,
        recordings=recordings() if run.calls in ("replay-strict", "replay-or-live") else {},
        fingerprint=f"support:{spec.pin}",
        price=spec.model.price,
        cap_usd=run.cost_cap_usd,
        # It is asked from a thread of its own while replies are scored, when the app is not asked any more.
        limiter=Limiter(most=run.concurrency, rpm=run.rpm, tpm=run.tpm),
        attempts=run.attempts,
        purse=purse,
    )

    async def ask(request: Mapping[str, Any]) -> Mapping[str, Any]:
        answered = await chat.ask(request, index=0, repeat=0)
        found.calls += 1
        found.cost_usd += answered.paid_usd
        return answered.response

    found.scorer = bench.support(spec, ask)
    return found
