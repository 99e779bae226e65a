"""The contract test of neighbouring versions (PRS-03): outputs that one bundle stored before the schema, or the app, of the other."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from interlock.core.broken import BrokenRun, FailedRun
from interlock.core.bundle import Bundle
from interlock.core.compatibility import Break, reads, shown
from interlock.core.contract_rules import KEY
from interlock.core.digest import Digest, canonical
from interlock.core.errors import InterlockError, NotCanonical
from interlock.core.json_text import parse_json, parse_jsonl
from interlock.core.manifest import RUNTIME_PARTS, Part
from interlock.core.schema_terms import validator
from interlock.core.suite import Case
from interlock.ports import Records, Target, TrialStore
from interlock.services.calls import NoChat
from interlock.services.globs import matching
from interlock.services.parts import Loaded

MOST_READ = 200
"""Outputs of one side that the app itself is given to read; the schema reads all of them."""
_MOST_SHOWN = 10
Read = Callable[[Any], Awaitable[str]]
"""Reads one stored output; why it could not, empty where it could."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One output as it was stored, and what it is of."""

    what: str
    value: Any


def stored_outputs(trials: TrialStore, keys: Iterable[str]) -> tuple[Stored, ...]:
    """The different outputs under these keys of trials, in the order of the keys."""
    found: dict[bytes, Stored] = {}
    attempts = trials.find(keys)
    for key in sorted(attempts):
        trial = attempts[key].trial
        if trial.reply is not None and trial.reply.output is not None:
            _add(found, f"the output of case `{trial.case_id}`", trial.reply.output)
    return tuple(found.values())


def _add(found: dict[bytes, Stored], what: str, value: Any) -> None:
    try:
        name = canonical(value)
    except (NotCanonical, InterlockError, TypeError, ValueError):
        return  # no output that could have been stored as JSON
    found.setdefault(name, Stored(what, value))


def kept_records(loaded: Loaded) -> dict[str, tuple[Stored, ...]]:
    """The records that files of the schema part keep, by the version of the schema that they were stored under.

    Raises: DocumentError for a file that is no JSON.
    """
    component = loaded.bundle.components[Part.SCHEMA]
    paths = [entry.path for entry in component.files]
    kept: dict[str, tuple[Stored, ...]] = {}
    for version, patterns in sorted((component.spec.get("stored") or {}).items()):
        found: dict[bytes, Stored] = {}
        for path in sorted({path for pattern in patterns for path in matching(pattern, paths)}):
            text = loaded.text(path) or ""
            rows = parse_jsonl(text, path) if path.endswith(".jsonl") else [parse_json(text, path)]
            for line, row in enumerate(rows, 1):
                _add(found, f"`{path}`" if len(rows) == 1 else f"`{path}:{line}`", row.value)
        kept[version] = tuple(found.values())
    return kept


def apps_of(records: Records, bundle: Bundle, now: Digest) -> tuple[Digest, ...]:
    """The app builds around which these runtime parts were evaluated, this one first."""
    parts = bundle.parts(RUNTIME_PARTS)
    before = [
        Digest(evidence.reads["app"])
        for evidence in records.evidence.find("EVAL-01")
        if all(evidence.reads.get(part) == digest for part, digest in parts.items())
    ]
    return tuple(dict.fromkeys((now, *before)))


def app_reader(target: Target, case: Case, root: Path, schema: Mapping[str, Any], timeout_s: float) -> Read:
    """Reads by the app itself, with the files of one bundle: it is asked for an output of that bundle's schema.

    The request's context carries the stored output under `interlock_stored`; the reply's `output` is what the app would go on
    with. No model is asked.
    """
    accepted = validator(schema)

    async def read(value: Any) -> str:
        asked = case.model_copy(update={"context": {**case.context, KEY: value}})
        try:
            async with asyncio.timeout(timeout_s):
                reply = (await target.run(asked, repeat=0, root=root, chat=NoChat())).reply
        except TimeoutError:
            return f"the app gave nothing within {timeout_s:g} s"
        except (FailedRun, BrokenRun) as error:
            return f"the app: {error.message}"
        if reply.output is None:
            return "the app gave no output"
        fault = _fault(accepted, reply.output)
        return f"what the app made of it is refused: {fault}" if fault else ""

    return read


async def measure_contract(
    new: Loaded, old: Loaded, *, made: Sequence[Stored], stored: Sequence[Stored], reader: Read | None, back_reader: Read | None
) -> Mapping[str, Any]:  # fmt: skip
    """The data of PRS-03.

    Args:
        new, old: this bundle, and the one that is live.
        made, stored: outputs of this bundle, and of the live one.
        reader: the app itself with the files of this bundle; back_reader: with those of the live one. None: the schemas read.
    """
    kept, before = kept_records(new), kept_records(old)
    own, live = _version(new.bundle), _version(old.bundle)
    forward = await _way(new.output_schema, old.output_schema, [*stored, *before.get(live, ())], reader)
    back = await _way(old.output_schema, new.output_schema, [*made, *kept.get(own, ())], back_reader)
    rows = []
    for version, listed in kept.items():
        refused = await _unread(listed, new.output_schema, reader)
        shown_first = [{"what": each.what, "why": why} for each, why in refused[:_MOST_SHOWN]]
        rows.append({"version": version, "n": len(listed), "read": len(listed) - len(refused), "refused": shown_first})
    promised = set(new.bundle.constraints.get(Part.SCHEMA.value, {}).get("reads_stored", ()))
    return {
        "baseline": old.bundle.digest, "reader": reader is not None, "forward": forward, "back": back, "kept": rows,
        "promised": sorted(promised - {own, live} - {row["version"] for row in rows if row["n"]}),
    }  # fmt: skip


def _version(bundle: Bundle) -> str:
    return str(bundle.components[Part.SCHEMA].spec["version"])


async def _way(
    reading: Mapping[str, Any], writing: Mapping[str, Any], outputs: Sequence[Stored], reader: Read | None
) -> dict[str, Any]:
    """What one side stored before the other, and what its schema lets it store besides."""
    own = validator(writing)
    sound = [each for each in outputs if own.is_valid(each.value)]
    refused = await _unread(sound, reading, reader)
    found = reads(reading, writing, examples=(each.value for each in sound))
    return {
        "n": len(sound),
        "read": len(sound) - len(refused),
        "apart": len(outputs) - len(sound),
        "refused": [{"what": each.what, "why": why} for each, why in refused[:_MOST_SHOWN]],
        "breaks": [await _break(each, reader) for each in found.breaks],
        "open": list(found.open),
    }


async def _break(found: Break, reader: Read | None) -> dict[str, Any]:
    """A value that the schema refuses may still be read by the app, which may know both versions."""
    fault = None if reader is None else await reader(found.witness)
    why = f"{found.why}; {fault}" if fault else found.why
    return {"pointer": found.pointer, "why": why, "witness": shown(found.witness), "read": fault == ""}


async def _unread(
    listed: Sequence[Stored], schema: Mapping[str, Any], reader: Read | None
) -> list[tuple[Stored, str]]:  # fmt: skip
    if reader is not None:
        found = [(each, await reader(each.value)) for each in listed[:MOST_READ]]
    else:
        accepted = validator(schema)
        found = [(each, _fault(accepted, each.value)) for each in listed]
    return [(each, why) for each, why in found if why]


def _fault(accepted: jsonschema_rs.Validator, value: Any) -> str:
    error = next(iter(accepted.iter_errors(value)), None)
    if error is None:
        return ""
    where = "/".join(str(step) for step in error.instance_path)
    return f"`/{where}`: {json.dumps(str(error.message)[:160], ensure_ascii=False)[1:-1]}"
