"""`interlock waive`."""

from typing import Annotated

from cyclopts import Parameter

from interlock.cli.session import HERE, Dir, Env, Json, environment_of, records_of, show, show_json
from interlock.core.catalogue import find_check
from interlock.services.assess import inputs, scope_of
from interlock.services.subject import subject_under
from interlock.services.waive import grant
from interlock.wiring import read_release


def waive(
    check: str,
    /,
    *,
    reason: str,
    owner: Annotated[str, Parameter(help="Who answers for it.")],
    approver: Annotated[
        str, Parameter(name=["--approver", "--as"], help="Who lets it pass; signs with their key; not the owner.")
    ],
    control: Annotated[str, Parameter(help="What holds instead.")],
    days: float,
    env: Env = None,
    dir: Dir = HERE,
    json: Json = False,
) -> int:
    """Let CHECK pass for a while, for exactly the bytes that it reads now. Expiry makes it owed again."""
    with records_of(dir, approver) as (settings, records):
        resolved, release, _ = read_release(settings)
        row = find_check(check)
        subject = subject_under(release, resolved.bundle, resolved.app, environment_of(release, env))
        scope, _ = scope_of(row, subject, inputs(subject, records))
        waiver = grant(
            records, check=row.id, scope=scope, reason=reason, owner=owner, approver=approver, control=control, days=days,
            profile=subject.profile, limits=subject.limits, bundle=resolved.bundle, reads=row.reads,
        )  # fmt: skip
        if json:
            show_json(
                {
                    "schema": "interlock.waiver.v1",
                    "check": waiver.check,
                    "scope": waiver.scope,
                    "until": waiver.until.isoformat(),
                }
            )
        else:
            show(
                [
                    f"{waiver.check} is waived until {waiver.until:%Y-%m-%d}: {waiver.owner} answers, {waiver.approver} approved",
                    f"instead: {waiver.control}",
                ]
            )
    return 0
