"""Handoffs to people: sent, acknowledged, and rehearsed end to end (SAFE-06)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interlock.core.actions import seconds
from interlock.core.errors import HandoffError, InterlockError
from interlock.core.handoff import Packet, missing
from interlock.core.operations import HandoffRoute
from interlock.core.phrase import folded_words
from interlock.ports import HandoffSink, Records
from interlock.services.parts import Loaded

POLL_S = 0.5
SENT, ACKNOWLEDGED = "handoff", "handoff.ack"


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff that was sent, and who acknowledged it."""

    id: str
    queue: str
    rule: str
    at: datetime
    within_s: int
    rehearsal: bool
    by: str = ""
    acknowledged: datetime | None = None


async def send(records: Records, packet: Packet, sink: HandoffSink) -> str:
    """Send a handoff and note it in the ledger. Returns the other side's word. Raises HandoffError; then nothing is noted."""
    word = await sink.send(packet)
    body = {
        "id": packet.id, "queue": packet.queue, "rule": packet.rule, "within_s": packet.within_s,
        "rehearsal": packet.rehearsal, "bundle": packet.bundle, "digest": packet.digest, "word": word[:200],
    }  # fmt: skip
    records.ledger.append(SENT, body, actor=records.actor, at=records.clock.now())
    return word


def handoffs(records: Records) -> list[Handoff]:
    """Every handoff in the ledger, oldest first; of several signed acknowledgements the first counts."""
    found = {
        fact.body["id"]: Handoff(
            fact.body["id"], fact.body["queue"], fact.body["rule"], fact.at, fact.body["within_s"], fact.body["rehearsal"]
        )
        for fact in records.ledger.facts(SENT)
    }  # fmt: skip
    for fact in records.ledger.facts(ACKNOWLEDGED):
        one = found.get(fact.body["id"])
        if one is not None and one.acknowledged is None and _signed(records, fact.body):
            found[one.id] = Handoff(
                one.id, one.queue, one.rule, one.at, one.within_s, one.rehearsal, fact.body["by"], fact.at
            )
    return list(found.values())


def _signed(records: Records, body: Mapping[str, Any]) -> bool:
    """Whether an acknowledgement carries the signature of the person that it names."""
    try:
        said, signature = records.signer.open(records.blobs.get(body["envelope"]), kind="handoff")
    except (InterlockError, KeyError):
        return False
    return bool(said.get("id") == body["id"] and said.get("by") == body["by"] == signature.name)


def acknowledge(records: Records, id: str) -> Handoff:
    """Somebody took it over: a signed fact of the actor. Doing it twice changes nothing.

    Raises: HandoffError for an id that was never sent.
    """
    found = {one.id: one for one in handoffs(records)}.get(id)
    if found is None:
        raise HandoffError(f"there is no handoff `{id}`", hint="`interlock handoff list` shows those that were sent")
    if found.acknowledged is None:
        body = {"id": id, "by": records.actor}
        envelope = records.blobs.put(records.signer.sign(body, kind="handoff", name=records.actor))
        records.ledger.append(ACKNOWLEDGED, {**body, "envelope": envelope}, actor=records.actor, at=records.clock.now())
    return next(one for one in handoffs(records) if one.id == id)


def rehearsal(loaded: Loaded, queue: str, route: HandoffRoute, *, at: datetime) -> Packet:
    """A handoff as the app would make it, marked as a drill, with everything a person needs."""
    lang = loaded.release.languages[0] if loaded.release.languages else "en"
    return Packet(
        feature=loaded.release.feature, bundle=loaded.bundle.digest, tenant=None, queue=queue, rule="drill", lang=lang,
        at=at, within_s=seconds(route.within),
        conversation=(
            ("person", "This is a rehearsal. Can a person take over, please?"),
            ("assistant", "A person should look at this. I am handing over our conversation now."),
        ),
        evidence=({"statement": "This is a rehearsal.", "score": None, "doc_id": None, "findings": []},),
        next_step=f"acknowledge this rehearsal of the queue `{queue}`; nobody waits for an answer", rehearsal=True,
    )  # fmt: skip


async def drill(
    records: Records,
    loaded: Loaded,
    queues: Sequence[str],
    open_sink: Callable[[HandoffRoute], HandoffSink],
    *,
    say: Callable[[str], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Mapping[str, Any]:
    """Send a real handoff to each queue and wait until somebody of its team acknowledges it, or its time is over.

    Args:
        queues: those to rehearse; the policy's own, or some of them.
        say: told what was sent and what is waited for.
    Returns: the data of SAFE-06: a row for every queue of the policy, rehearsed or not.
    """
    rows: dict[str, dict[str, Any]] = {}
    waiting: dict[str, tuple[str, datetime]] = {}
    for queue in loaded.answers.queues:
        route = loaded.operations.route(queue)
        row = rows[queue] = {
            "queue": queue, "kind": "" if route is None else route.kind, "rehearsed": False, "fault": "", "missing": [],
            "by": "", "in_team": False, "seconds": None, "within_s": 0 if route is None else seconds(route.within),
        }  # fmt: skip
        if route is None:
            row["fault"] = "no route: `handoff` in operations.yaml does not name it"
        elif queue in queues:
            packet = rehearsal(loaded, queue, route, at=records.clock.now())
            row["rehearsed"], row["missing"] = True, missing(packet.to_json())
            try:
                word = await send(records, packet, open_sink(route))
            except InterlockError as error:
                row["fault"] = error.message
                continue
            waiting[packet.id] = (queue, records.clock.now())
            say(
                f"{queue}: sent {packet.id} by {route.kind} ({word[:60].strip()}); waits {route.within} for: interlock handoff ack {packet.id}"
            )
    while waiting:
        known = {one.id: one for one in handoffs(records)}
        now = records.clock.now()
        for id, (queue, sent) in list(waiting.items()):
            one, row = known[id], rows[queue]
            if one.acknowledged is not None:
                row["by"], row["seconds"] = one.by, (one.acknowledged - sent).total_seconds()
                row["in_team"] = one.by in _team(loaded, queue)
                say(f"{queue}: acknowledged by {one.by} after {row['seconds']:.0f} s")
                del waiting[id]
            elif (now - sent).total_seconds() > row["within_s"]:
                row["fault"] = f"nobody acknowledged it within {row['within_s']} s"
                say(f"{queue}: {row['fault']}")
                del waiting[id]
        if waiting:
            await sleep(POLL_S)
    return {"queues": list(rows.values())}


def _team(loaded: Loaded, queue: str) -> frozenset[str]:
    """The people of a queue's team as keys spell them: `Noor Castellane` acts as `noor-castellane`."""
    people = loaded.operations.rota.get(queue, ()) or loaded.operations.rota.get("people", ())
    return frozenset(name for person in people for name in (person, "-".join(folded_words(person))))
