"""A decision as a record without what people wrote, and the record judged again under another policy.

The record keeps what the table looked at, so that the same record under the same policy gives the same verdict. Content
is kept by digest and length, and so is every argument of an action that handles credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interlock.core.actions import ArgumentKind, Effect, Label
from interlock.core.arguments import canonical_text
from interlock.core.decision import Decision
from interlock.core.digest import of_bytes
from interlock.core.errors import LedgerError
from interlock.core.judge import Policy
from interlock.core.provenance import Origin
from interlock.core.table import IN_DOUBT, Facts, Row
from interlock.core.terms import CallVerdict, join

FORMAT = 1
_LABELS = {label.value: label for label in Label}
_VERDICTS = {verdict.value: verdict for verdict in CallVerdict}


def record_of(decision: Decision, policy: Policy, *, slice: str = "") -> dict[str, Any]:
    """A decision as plain JSON, for a log, a chain or a replay.

    Args:
        policy: the one that decided; its map says what each argument is.
        slice: what kind of case it was, as the host names it.
    """
    row, facts = policy.row(decision.tool), decision.facts
    return {
        "v": FORMAT,
        "tenant": decision.tenant,
        "principal": decision.principal,
        "session": decision.session,
        "roles": list(decision.roles),
        "feature": decision.feature,
        "slice": slice,
        "policy": decision.policy,
        "mode": decision.mode,
        "tool": decision.tool,
        "tool_def": decision.tool_digest,
        "action": decision.action,
        "effect": decision.effect.value if decision.effect else "",
        "args_hash": of_bytes(decision.arguments) if decision.arguments else "",
        "args": _redacted(row, facts.arguments) if row is not None and isinstance(facts, Facts) else {},
        "facts": _facts(facts) if isinstance(facts, Facts) else {"faults": [[code, ""] for code in decision.codes]},
        "verdict": decision.verdict.value,
        "codes": list(decision.codes),
        "latency_us": round(decision.latency_us, 1),
    }


def _redacted(row: Row, arguments: Mapping[str, Any]) -> dict[str, Any]:
    secret = row.action.effect is Effect.CREDENTIAL
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        kind = row.plans.get(name, row.plan_else).kind
        if value is None or not (secret or kind is ArgumentKind.CONTENT):
            kept[name] = value
        else:
            content = canonical_text({"": value}).encode()
            kept[name] = {"sha256": of_bytes(content), "bytes": len(content) - 5}
    return kept


def _facts(facts: Facts) -> dict[str, Any]:
    return {
        "origins": {place: _origin(origin) for place, origin in facts.origins.items()},
        "embedded": {name: _origin(origin) for name, origin in facts.embedded.items()},
        "session": dict(facts.session),
        "faults": [list(fault) for fault in facts.faults],
        "repeated": facts.repeated,
        "restricted": None if facts.restricted is None else _origin(facts.restricted),
        "requested": facts.requested,
        "words": facts.words,
    }


def _origin(origin: Origin) -> list[Any]:
    return [origin.label.value, origin.tool, origin.path, int(origin.named)]


@dataclass(frozen=True, slots=True)
class Again:
    """What a policy says of a recorded call.

    Args:
        verdict, codes: under the policy that it was judged by again.
        unsure: what the record does not hold and the policy would need; the verdict counts only when this is empty.
    """

    verdict: CallVerdict
    codes: tuple[str, ...]
    unsure: tuple[str, ...] = ()


def judge_again(policy: Policy, record: Mapping[str, Any]) -> Again:
    """Judge a recorded call under a policy.

    A label that the policy gives a field of an earlier output counts where it is worse than the recorded one. Where it
    is better it does not: the record says where a value stood, not whether it would have been found elsewhere.

    Raises: LedgerError for what is no such record.
    """
    try:
        return _judged(policy, record)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as cause:
        raise LedgerError(
            "this is no decision record of format 1", hint="give the records that `record_of` made, a line each"
        ) from cause


def _judged(policy: Policy, record: Mapping[str, Any]) -> Again:
    if record["v"] != FORMAT:
        raise ValueError("another format")
    row = policy.table.rows.get(record["tool"])
    if row is None:
        return Again(CallVerdict.DENY, ("unmapped_tool",))
    said, arguments = record["facts"], record["args"]
    faults = tuple([(fault[0], fault[1]) for fault in said["faults"]])
    if "origins" not in said:  # the call never came to the table
        mapped = tuple([fault for fault in faults if fault[0] != "unmapped_tool"])
        known = () if mapped else ("the call was not judged when it was recorded",)
        return Again(CallVerdict.DENY, tuple(sorted({fault[0] for fault in mapped})), known)
    origins = {place: _relabelled(policy, origin) for place, origin in said["origins"].items()}
    facts = Facts(
        arguments=arguments,
        origins=origins,
        embedded={name: _relabelled(policy, origin) for name, origin in said["embedded"].items()},
        roles=tuple(record["roles"]),
        session=said["session"],
        faults=faults,
        repeated=said["repeated"],
        restricted=_relabelled(policy, said["restricted"]) if said["restricted"] and row.beyond else None,
        requested=said["requested"],
    )
    reasons = row.judge(facts)
    codes = tuple(sorted({reason.code for reason in reasons}))
    unsure = _unsure(row, facts, codes, said, record)
    return Again(join(*(reason.verdict for reason in reasons)) if reasons else CallVerdict.ALLOW, codes, unsure)


def _relabelled(policy: Policy, origin: list[Any]) -> Origin:
    label, tool, path = _LABELS[origin[0]], origin[1], origin[2]
    if tool and label is not Label.MODEL:
        row = policy.table.rows.get(tool)
        now = Label.THIRD_PARTY if row is None else row.outputs.label(path)
        if now.rank > label.rank:
            label = now
    return Origin(label, tool, path, None, bool(origin[3]))


def _unsure(
    row: Row, facts: Facts, codes: tuple[str, ...], said: Mapping[str, Any], record: Mapping[str, Any]
) -> tuple[str, ...]:
    arguments = facts.arguments
    found = [
        f"the value of `{name}` is not in the record" for name in row.conditioned if _is_shadow(arguments.get(name))
    ]
    for name, value in arguments.items():
        plan = row.plans.get(name, row.plan_else)
        if (
            plan.worst < Label.MODEL.rank
            and plan.kind is not ArgumentKind.CONTENT
            and name not in facts.origins
            and not isinstance(value, bool | list | dict)
            and value not in (None, "")
            and (type(value), value) not in plan.harmless
        ):
            found.append(f"no source of `{name}` is in the record")
    if said["words"] != row.words and (set(codes) & IN_DOUBT or set(record["codes"]) & IN_DOUBT):
        found.append("other words ask for the action now, and the request is not in the record")
    return tuple(found)


def _is_shadow(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"sha256", "bytes"}
