"""Let one check pass for a while: a named owner, another approver, a reason, a compensating control and an end."""

from collections.abc import Collection
from datetime import datetime, timedelta

from interlock.core.bundle import Bundle
from interlock.core.checks import NEVER_WAIVED, Limits
from interlock.core.digest import Digest
from interlock.core.errors import PromotionError, UsageError
from interlock.core.manifest import Part, Profile
from interlock.core.verdict import Waiver
from interlock.ports import Fact, Records
from interlock.services.history import authors_of, is_signed


def grant(
    records: Records, *, check: str, scope: Digest, reason: str, owner: str, approver: str, control: str, days: float,
    profile: Profile, limits: Limits, bundle: Bundle, reads: Collection[Part],
) -> Waiver:  # fmt: skip
    """Record a waiver, signed by its approver.

    Raises: PromotionError when the check can never be waived, there are too many open waivers, or owner and approver
    are one person; UsageError when it lasts too long or a text is missing.
    """
    if check in NEVER_WAIVED[profile]:
        raise PromotionError(f"`{check}` can never be waived", hint=f"make it pass; `interlock explain {check}`")
    for name, text in (("reason", reason), ("owner", owner), ("control", control)):
        if not text.strip():
            raise UsageError(f"a waiver needs a {name}", hint=f"give it with --{name}")
    if owner == approver:
        raise PromotionError(
            f"`{owner}` cannot approve a waiver of their own", hint="another person runs the command: --as NAME"
        )
    if not 0 < days <= limits.waiver_days:
        raise UsageError(
            f"a waiver of {days:g} days is not allowed",
            hint=f"profile `{profile}` allows at most {limits.waiver_days:g} days",
        )
    if approver in authors_of(records, bundle, reads):
        raise PromotionError(
            f"`{approver}` wrote a part that `{check}` reads",
            hint="somebody who did not approves the waiver: --as NAME",
        )
    now = records.clock.now()
    others = [waiver for waiver in open_waivers(records, now) if (waiver.check, waiver.scope) != (check, scope)]
    if len(others) >= limits.waivers_open:
        raise PromotionError(
            f"{len(others)} waivers are open, and profile `{profile}` allows {limits.waivers_open:g}",
            hint="make one of them pass: " + ", ".join(waiver.check for waiver in others),
        )
    until = now + timedelta(days=days)
    body = {
        "check": check, "scope": scope, "reason": reason, "owner": owner, "control": control, "until": until.isoformat(),
        "bundle": bundle.digest,
    }  # fmt: skip
    envelope = records.signer.sign({**body, "approver": approver}, kind="waiver", name=approver)
    records.ledger.append("waiver.granted", {**body, "envelope": records.blobs.put(envelope)}, actor=approver, at=now)
    return Waiver(check, scope, reason, owner, approver, control, until, now)


def waivers(records: Records) -> list[Waiver]:
    """Every waiver that was granted and whose signature verifies, the newest for each check and scope."""
    newest: dict[tuple[str, str], Waiver] = {}
    for fact in records.ledger.facts("waiver.granted"):
        if not is_signed(
            records, fact, "waiver", {key: fact.body[key] for key in ("check", "scope", "until", "owner")}
        ):
            continue
        waiver = _waiver(fact)
        newest[waiver.check, waiver.scope] = waiver
    return list(newest.values())


def open_waivers(records: Records, now: datetime) -> list[Waiver]:
    """The waivers that hold now."""
    return [waiver for waiver in waivers(records) if waiver.until > now]


def _waiver(fact: Fact) -> Waiver:
    body = fact.body
    return Waiver(
        body["check"], Digest(body["scope"]), body["reason"], body["owner"], fact.actor, body["control"],
        datetime.fromisoformat(body["until"]), fact.at,
    )  # fmt: skip
