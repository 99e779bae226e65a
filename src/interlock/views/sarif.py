"""Findings in files as SARIF 2.1.0, for code scanning and editors.

Only what a file and its bytes decide is here: an eval that fails has no line of code to point at.
Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import quote

from interlock import __version__
from interlock.core.catalogue import BY_ID
from interlock.core.digest import short
from interlock.core.verdict import Verdict
from interlock.views.summary import FindingRow, finding_rows
from interlock.views.wording import plain

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_document(verdict: Verdict) -> dict[str, Any]:
    """The findings of static checks that name a file, as one SARIF run."""
    rows = [row for row in finding_rows(verdict) if row.file and _is_static(row.check)]
    ids = list(dict.fromkeys(row.check for row in rows))
    seen: Counter[tuple[str, str, str]] = Counter()
    results = []
    for row in rows:
        key = (row.check, row.file, row.message)
        results.append(_result(row, ids.index(row.check), seen[key]))
        seen[key] += 1
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "Interlock", "version": __version__, "rules": [_rule(id) for id in ids]},
                },
                "automationDetails": {"id": f"interlock/{plain(verdict.environment)}/"},
                "columnKind": "unicodeCodePoints",
                "results": results,
                "properties": {"verdict": verdict.word.value, "bundle": short(verdict.bundle)},
            }
        ],
    }


def sarif_text(verdict: Verdict) -> str:
    """The document as text that ends with a newline."""
    return json.dumps(sarif_document(verdict), indent=2, ensure_ascii=False) + "\n"


def _is_static(check: str) -> bool:
    return check in BY_ID and BY_ID[check].instrument == "static"


def _rule(id: str) -> dict[str, Any]:
    check = BY_ID[id]
    return {
        "id": id,
        "name": check.title,
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.rule},
        "help": {"text": f"{check.rule} Why: {check.why} Next: {check.next}. Offline: interlock explain {id}"},
    }


def _result(row: FindingRow, rule: int, nth: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": quote(row.file), "uriBaseId": "%SRCROOT%"}}
    if row.line:
        location["region"] = {"startLine": row.line}
    return {
        "ruleId": row.check,
        "ruleIndex": rule,
        "level": "error" if row.required else "warning",
        "message": {"text": plain(row.message)},
        "locations": [{"physicalLocation": location}],
        # Without the line number: a finding that only moved is still the same finding.
        "partialFingerprints": {"interlockFinding/v1": _fingerprint(row, nth)},
    }


def _fingerprint(row: FindingRow, nth: int) -> str:
    return hashlib.sha256(
        json.dumps([row.check, row.file, row.message, nth]).encode("utf-8", "surrogatepass")
    ).hexdigest()
