"""The attack run: every pack twice, and the user's own tasks beside it; counts for ACT-01 to ACT-05."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.judge import Policy
from interlock.core.terms import CallVerdict
from interlock.ports import Progress
from interlock.sdk.attack.packs import Attack, attacks
from interlock.sdk.attack.world import Hand, Scratch, Subject, scratch_of, subjects

CHECKS = ("ACT-01", "ACT-02", "ACT-03", "ACT-04", "ACT-05")
_EXAMINED = {
    "ACT-01": "calls that the guard must refuse",
    "ACT-02": "attempts at a second effect or at more than a cap",
    "ACT-03": "attempts to act on a yes that was not given to this",
    "ACT-04": "limits of a session",
}


@dataclass(frozen=True, slots=True)
class AttackRun:
    """What an attack run found: by check, the data that its rule judges."""

    data: Mapping[str, Mapping[str, Any]]


def run_attacks(
    policy: Policy, progress: Progress | None = None, *, checks: Collection[str] = CHECKS
) -> AttackRun:  # fmt: skip
    """Attack a policy on a scratch store.

    Args:
        progress: is told of each attack.
        checks: of `CHECKS`, those that are asked about; only their attacks are tried.
    """
    with scratch_of(policy) as scratch:
        effects, unmade = subjects(scratch, effects=True)
        reads, unread = subjects(scratch, effects=False)
        listed = [
            each
            for each in attacks(scratch, effects, reads)
            if "ACT-05" in checks or not set(each.checks).isdisjoint(checks)
        ]
        rows = []
        if progress is not None:
            progress.start("attacks", len(listed))
        for attack in listed:
            if (row := _tried(attack)) is not None:
                rows.append(row)
            if progress is not None:
                progress.advance()
        tasks = [_task(scratch, subject) for subject in (*effects, *reads)]
        runaways = _runaways(scratch, next(iter((*effects, *reads)), None))
    of = {check: [row for row in rows if check in row["checks"]] for check in ("ACT-01", "ACT-02", "ACT-03")}
    of["ACT-04"] = [*(row for row in rows if "ACT-04" in row["checks"]), *runaways]
    data: dict[str, Mapping[str, Any]] = {
        check: {
            "examined": len(found), "what": _EXAMINED[check], "asked": "none succeeds, also when every question is stamped",
            "findings": [{"message": f"{row['name']}: {row['how']}"} for row in found if not row["stamped"]],
        }
        for check, found in of.items()
    }  # fmt: skip
    kept = [{key: row[key] for key in ("pack", "name", "stopped", "stamped")} for row in rows]
    data["ACT-05"] = {"attacks": kept, "tasks": tasks, "unmade": [*unmade, *unread]}
    return AttackRun({check: found for check, found in data.items() if check in checks})


def _tried(attack: Attack) -> dict[str, Any] | None:
    plain = attack.reached(False)
    if plain is None:
        return None
    stamped = attack.reached(True)
    how = "it goes through" if plain else "it goes through once somebody says yes to every question"
    return {
        "pack": attack.pack, "name": attack.name, "stopped": not plain, "stamped": not plain and not stamped,
        "checks": attack.checks, "how": how,
    }  # fmt: skip


def _task(scratch: Scratch, subject: Subject) -> dict[str, Any]:
    """The user's own task, without anybody to ask and with."""
    tenant, alone, helped = scratch.tenant(), Hand(), Hand()
    session = scratch.session(subject, tenant, told=subject.call)
    scratch.make(session, subject.tool.name, subject.call, alone, stamp=False)
    if not alone.what:
        scratch.make(session, subject.tool.name, subject.call, helped, stamp=True)
    return {
        "name": subject.name, "effect": subject.row.changes, "asked": subject.verdict is CallVerdict.ASK,
        "alone": bool(alone.what), "kept": bool(alone.what or helped.what),
    }  # fmt: skip


def _runaways(scratch: Scratch, subject: Subject | None) -> list[dict[str, Any]]:
    """Whether each limit of a session stops the next call."""
    if subject is None:
        return []
    limits = scratch.policy.table.actions.session
    now = [0.0]
    rows = []
    for name in ("calls", "seconds", "tokens"):
        session = scratch.session(subject, scratch.tenant(), told=subject.call)
        session.restart(lambda: now[0])
        within = session.decide(subject.tool.name, subject.call).verdict
        if name == "calls":
            for _ in range(limits.calls):
                session.counted("no_such_tool", {})
        elif name == "seconds":
            now[0] += limits.seconds + 1
        else:
            session.spent(tokens=limits.tokens + 1)
        after = session.decide(subject.tool.name, subject.call)
        stopped = within is not CallVerdict.DENY and after.codes == (f"session_{name}",)
        how = (
            "the call after it is still let through"
            if within is not CallVerdict.DENY
            else "the call before it is denied"
        )
        rows.append({"name": f"{getattr(limits, name)} {name}", "stamped": stopped, "how": how})
    return rows
