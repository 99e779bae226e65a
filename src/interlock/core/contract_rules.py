"""The rule about neighbouring versions: what the bundle before stored is read by this one, and back (PRS-03)."""

from collections.abc import Mapping, Sequence
from typing import Any

from interlock.core.checks import Limits
from interlock.core.evidence import Gap
from interlock.core.ruling import Ruling, Standing, owed

KEY = "interlock_stored"
"""Where a request's context carries a stored output, for an app with the capability `reads-stored` to read."""

_WAYS = {"forward": "this bundle", "back": "the live one"}
"""Who reads, by direction."""


def rule_contract(data: Mapping[str, Any], limits: Limits) -> Ruling:
    """PRS-03. `{baseline, reader, forward, back, kept: [{version, n, read, refused}], promised: [version]}`.

    `forward` and `back` are `{n, read, apart, refused: [{what, why}], breaks: [{pointer, why, witness, read}], open: [why]}`: outputs
    that one side made in its runs, read by the other; and what the schemas of both say of all outputs that are not made yet.
    `kept`: records that a file of the bundle keeps. `reader`: whether the app read them itself; else its schema did.
    """
    asked = "every output of the live bundle is read by this one, and every output of this one by the live one"
    forward, back, kept = data["forward"], data["back"], data["kept"]
    seen = f"{forward['read']} of {forward['n']} outputs of {data['baseline'][7:19]} are read, {back['read']} of {back['n']} are read back"
    if kept:
        seen += f"; {sum(row['read'] for row in kept)} of {sum(row['n'] for row in kept)} kept records are read"
    notes = [
        f"{way['apart']} outputs that their own schema refuses are set apart" for way in (forward, back) if way["apart"]
    ] + [f"schema {version} is said to be read, and no record of it is kept" for version in data["promised"]]
    lost = [*_refused(forward, "this bundle"), *_refused(back, "the live one"), *_kept(kept)]
    for name, who in _WAYS.items():
        lost += [
            f"{who} refuses `{each['pointer']}`: {each['why']}, for example {each['witness']}"
            for each in data[name]["breaks"]
            if not each["read"]
        ]
    if lost:
        more = f" (+{len(lost) - 1} more)" if len(lost) > 1 else ""
        proves = "a deploy or a rollback meets records that it cannot read"
        return Ruling(Standing.FAIL, f"{lost[0]}{more}", proves, asked, (seen, *lost, *notes))
    if not (forward["n"] or kept) or not back["n"]:
        return owed(seen, "one side stored nothing that the other could read", asked, Gap.BROKEN, notes)
    still = [f"{who}: {why}" for name, who in _WAYS.items() for why in data[name]["open"]]
    if still and not data["reader"]:
        proves = f"what was stored is read; of what may be, not all could be compared: {still[0]}"
        return owed(seen, proves, asked, Gap.INSTRUMENT, [*still, *notes])
    handled = [
        f"{who} takes what its schema refuses at `{each['pointer']}`: {each['why']}"
        for name, who in _WAYS.items()
        for each in data[name]["breaks"]
    ]
    by = "by the app itself" if data["reader"] else "by the schemas alone: the app says of no reader of its own"
    proves = f"neither a deploy nor a rollback meets an output that it cannot read, {by}"
    return Ruling(Standing.PASS, seen, proves, asked, (*handled, *still, *notes))


def _refused(way: Mapping[str, Any], who: str) -> list[str]:
    return [f"{who} does not read {each['what']}: {each['why']}" for each in way["refused"]]


def _kept(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"this bundle does not read {each['what']}, a record of schema {row['version']}: {each['why']}"
        for row in rows
        for each in row["refused"]
    ]
