"""The parts of a bundle, read from its files into the values that everything else works with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar, overload

import jsonschema_rs
from pydantic import BaseModel, Field

from interlock.core.actions import ActionMap
from interlock.core.answer import AnswerPolicy
from interlock.core.binding import FeatureStr, NameStr, Str, Strict, bind
from interlock.core.bundle import Bundle, Component
from interlock.core.checks import LIMITS, Limits
from interlock.core.digest import FileEntry, of_bytes
from interlock.core.document import Document
from interlock.core.errors import BundleError, DocumentError, InterlockError, ManyErrors, Place
from interlock.core.glossary import Glossary
from interlock.core.json_text import parse_json, parse_jsonl
from interlock.core.judges import PREFIX
from interlock.core.manifest import EnvironmentSpec, LimitsSpec, Part, Profile, Stakes
from interlock.core.operations import Operations
from interlock.core.runbook import Guide, parse_guide
from interlock.core.source import Marks, decoded
from interlock.core.suite import SCORERS, Case, Suite, SuiteFile
from interlock.core.tools import Tool, ToolsFile
from interlock.core.traffic import TrafficProfile
from interlock.core.yaml_text import parse_yaml
from interlock.ports import Tree
from interlock.services.globs import matching
from interlock.services.judge_files import read_judges
from interlock.services.lock import MANIFEST, case_pattern

if TYPE_CHECKING:
    from interlock.core.calibration import Calibration

_NO_MARKS = Marks({}, {})
_DIALECTS = (
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-07/schema#",
)
_MAX_PATTERN = 500
_PLUGGED = "interlock.scorers"
"""The entry point group of scorers that are plugged in; the name of the entry point is the name of the scorer."""
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class _ReleaseSpec(Strict):
    """What the runbook component keeps of the manifest, besides the part itself."""

    feature: FeatureStr
    purpose: Str
    profile: Profile
    languages: tuple[Str, ...]
    data_classes: tuple[Str, ...] = ()
    stakes: Stakes | None = None
    limits: LimitsSpec = LimitsSpec()
    environments: dict[NameStr, EnvironmentSpec]
    order: tuple[Str, ...] = Field(description="the environments in the order of exposure")


@dataclass(frozen=True, slots=True)
class Release:
    """How the feature is meant to be operated: what the manifest says beside its parts.

    limits: the profile's numbers with those that the manifest replaces. environments: in the order of exposure.
    owners: by role; not content of the bundle, so empty where only the bundle's own files are at hand.
    """

    feature: str
    purpose: str
    profile: Profile
    languages: tuple[str, ...]
    data_classes: tuple[str, ...]
    stakes: Stakes | None
    limits: Limits
    environments: Mapping[str, EnvironmentSpec]
    owners: Mapping[str, str]


@dataclass(frozen=True)
class Loaded:
    """A bundle with its parts read: what checks, evals and views work with."""

    bundle: Bundle
    tree: Tree
    release: Release
    tools: tuple[Tool, ...]
    output_schema: Mapping[str, Any]
    glossary: Glossary
    actions: ActionMap | None
    answers: AnswerPolicy
    operations: Operations
    runbook: Guide
    escalation: Guide
    suites: Sequence[Suite]
    texts: tuple[tuple[Part, str, str], ...]
    traffic: TrafficProfile | None = None
    calibration: "Calibration | None" = None

    def text(self, path: str) -> str | None:
        """The text of one file of the bundle, or None for bytes that are no text."""
        return next((text for _, name, text in self.texts if name == path), None)


class _Later(Sequence[Suite]):
    """Suites that are read when somebody first looks at them: a large one takes longer than all the rest together."""

    def __init__(self, read: Callable[[], Sequence[Suite]]) -> None:
        self._read = read

    @cached_property
    def _suites(self) -> Sequence[Suite]:
        suites = self._read()
        del self._read  # it holds the bytes of all files
        return suites

    @overload
    def __getitem__(self, index: int) -> Suite: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Suite]: ...

    def __getitem__(self, index: int | slice) -> Suite | Sequence[Suite]:
        return self._suites[index]

    def __len__(self) -> int:
        return len(self._suites)


@dataclass(frozen=True)
class StaticContext:
    """What a check that only reads may look at.

    capabilities: what the app says it can do. lock: the bundle that `interlock.lock` pins, None without one.
    command_check: says why a command line of a runbook does not parse, None when it does.
    """

    loaded: Loaded
    capabilities: tuple[str, ...]
    lock: Bundle | None
    command_check: Callable[[list[str]], str | None]
    limits: Limits
    today: date | None = None
    """Day of the measurement, where one is known: counted traffic ages."""


@dataclass
class _Reader:
    """Reads the files of one bundle, and goes on after a fault to find the others."""

    bundle: Bundle
    tree: Tree
    faults: list[InterlockError] = field(default_factory=list)
    content: dict[str, bytes] = field(default_factory=dict)

    def read_all(self) -> None:
        for path, entry in self.bundle.paths().items():
            self.attempt(lambda path=path, entry=entry: self._read(path, entry))  # type: ignore[misc]

    def _read(self, path: str, entry: FileEntry) -> None:
        content = self.tree.read(path)
        if of_bytes(content) != entry.sha256:
            message = f"`{path}` is not the file that this bundle names"
            raise BundleError(message, hint="run `interlock lock` again", place=Place(path))
        self.content[path] = content

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What `read` gives, or None with its fault kept."""
        try:
            return read()
        except InterlockError as fault:
            self.faults.append(fault)
            return None

    def raise_faults(self) -> None:
        if self.faults:
            faults = ManyErrors(self.faults).errors
            raise faults[0] if len(faults) == 1 else ManyErrors(faults)

    def text(self, path: str) -> str:
        try:
            content = self.content[path]
        except KeyError as cause:
            raise BundleError(f"the bundle has no file `{path}`", hint="run `interlock lock`") from cause
        return decoded(content, path)

    def document(self, path: str) -> Document:
        return (parse_json if path.endswith(".json") else parse_yaml)(self.text(path), path)

    def model(self, kind: type[M], path: str) -> M | None:
        return self.attempt(lambda: bind(kind, self.document(path)))

    def files(self, part: Part) -> list[str]:
        component = self.bundle.components.get(part)
        return [] if component is None else [entry.path for entry in component.files]


def _component(bundle: Bundle, part: Part) -> Component:
    try:
        return bundle.components[part]
    except KeyError as cause:
        raise BundleError(f"the bundle has no part `{part}`", hint=f"add `parts.{part}` and lock again") from cause


def _schema(document: Document) -> Mapping[str, Any]:
    value = document.value
    if not isinstance(value, dict):
        raise document.error((), "an output schema is a mapping", hint='start with {"type": "object", …}')
    dialect = value.get("$schema")
    if dialect is not None and dialect not in _DIALECTS:  # an unknown one would be fetched from its address
        hint = f"write `{_DIALECTS[0]}`"
        raise document.error(("$schema",), f"`{dialect}` is no published draft of JSON Schema", hint=hint)
    try:
        jsonschema_rs.meta.validate(value)
    except jsonschema_rs.ValidationError as fault:
        at = tuple(fault.instance_path)
        raise document.error(at, f"not a JSON Schema: {fault.message}", hint="see json-schema.org") from fault
    return value


def _unknown_scorers(document: Document, spec: SuiteFile) -> Iterator[DocumentError]:
    """A requirement of a scorer that nobody has: it would be owed for ever, and no measurement could settle it."""
    judges = [PREFIX + judge.name for judge in spec.judges]
    for index, requirement in enumerate(spec.requirements):
        if requirement.scorer in SCORERS or requirement.scorer in judges:
            continue
        if requirement.scorer.startswith(PREFIX):
            hint = f"judges of this suite: {', '.join(f'`{name}`' for name in judges)}" if judges else "add `judges:`"
            yield document.error(("requirements", index, "scorer"), f"no judge `{requirement.scorer}`", hint=hint)
            continue
        known = (*SCORERS, *sorted(point.name for point in entry_points(group=_PLUGGED)))
        if requirement.scorer not in known:
            near = get_close_matches(requirement.scorer, known, n=1)
            hint = (
                f"did you mean `{near[0]}`?" if near else f"known scorers: {', '.join(f'`{name}`' for name in known)}"
            )
            yield document.error(("requirements", index, "scorer"), f"unknown scorer `{requirement.scorer}`", hint=hint)


def _case(row: Document) -> Case:
    case = bind(Case, row)
    if case.expect.regex is not None and not _compiles(case.expect.regex):
        hint = f"at most {_MAX_PATTERN} characters; look-around, references to groups and `\\Z` are not supported"
        raise row.error(("expect", "regex"), f"the pattern `{case.expect.regex[:60]}` is refused", hint=hint)
    return case


@lru_cache(maxsize=4096)
def _compiles(pattern: str) -> bool:
    """Whether the scorer `regex` takes it: the same engine, the same bounds."""
    if not pattern.strip() or len(pattern) > _MAX_PATTERN:
        return False
    try:
        jsonschema_rs.validator_for(
            {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(size_limit=1_000_000)
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return False
    return True


def _suite(reader: _Reader, path: str) -> Suite | None:
    """A suite with its cases; every case that cannot be taken is a fault of its own."""
    before = len(reader.faults)
    document = reader.attempt(lambda: reader.document(path))
    spec = None if document is None else reader.attempt(lambda: bind(SuiteFile, document))
    if document is None or spec is None:
        return None
    reader.faults.extend(_unknown_scorers(document, spec))
    cases: list[Case] = []
    taken: set[str] = set()
    for index, pattern in enumerate(spec.cases):
        full = case_pattern(path, pattern)
        found = [] if full is None else matching(full, reader.files(Part.EVALS))
        if not found:
            reader.faults.append(document.error(("cases", index), f"the bundle has no file `{pattern}`"))
        for name in found:
            if name not in taken:  # two patterns may name one file
                taken.add(name)
                rows = reader.attempt(lambda name=name: parse_jsonl(reader.text(name), name))  # type: ignore[misc]
                for row in rows or ():
                    case = reader.attempt(lambda row=row: _case(row))  # type: ignore[misc]
                    if case is not None:
                        cases.append(case)
    judges = reader.attempt(lambda: read_judges(document, spec, path, reader.files(Part.EVALS), reader.text))
    if len(reader.faults) > before:
        return None

    def whole() -> Suite:
        try:
            return Suite(
                spec.suite, spec.kind, tuple(cases), spec.slices, spec.requirements, judges or (), spec.without
            )
        except DocumentError as fault:
            raise document.error((), fault.message, hint=fault.hint, kind=type(fault)) from fault

    return reader.attempt(whole)


def _suites(reader: _Reader, patterns: Iterable[str], traffic: str | None) -> tuple[Suite, ...]:
    files = [path for path in reader.files(Part.EVALS) if path != traffic]
    paths = sorted({path for pattern in patterns for path in matching(pattern, files)})
    suites: dict[str, tuple[str, Suite]] = {}
    for path in paths:
        suite = _suite(reader, path)
        if suite is None:
            continue
        if suite.name in suites:
            message = f"two files are named suite `{suite.name}`: {suites[suite.name][0]} and {path}"
            reader.faults.append(DocumentError(message, hint="give each suite its own name", place=Place(path)))
        suites[suite.name] = (path, suite)
    return tuple(suite for _, suite in suites.values())


def _read_suites(reader: _Reader, patterns: Iterable[str], traffic: str | None) -> tuple[Suite, ...]:
    reader.faults.clear()  # of an earlier try
    suites = _suites(reader, patterns, traffic)
    reader.raise_faults()
    return suites


def _owners(tree: Tree) -> Mapping[str, str]:
    if MANIFEST not in tree.paths():
        return {}
    value = parse_yaml(decoded(tree.read(MANIFEST), MANIFEST), MANIFEST).value
    owners = value.get("owners") if isinstance(value, dict) else None
    return {str(role): str(name) for role, name in owners.items()} if isinstance(owners, dict) else {}


def release_of(bundle: Bundle, owners: Mapping[str, str] | None = None) -> Release:
    """How the feature is meant to be operated, from the runbook part of a bundle.

    Raises: DocumentError when the part was not made by `resolve`, also for a limit that does not exist.
    """
    value = _component(bundle, Part.RUNBOOK).spec.get("release")
    spec = bind(_ReleaseSpec, Document("interlock.lock", value, "", lambda: _NO_MARKS))
    order = [name for name in spec.order if name in spec.environments]
    return Release(
        spec.feature,
        spec.purpose,
        spec.profile,
        spec.languages,
        spec.data_classes,
        spec.stakes,
        LIMITS[spec.profile].changed(spec.limits.given()),
        {name: spec.environments[name] for name in (*order, *(n for n in spec.environments if n not in order))},
        dict(owners or {}),
    )


def load_parts(bundle: Bundle, tree: Tree, *, like: Loaded | None = None, suites_later: bool = False) -> Loaded:
    """Read every part of a bundle, strictly.

    Args:
        tree: holds at least the files of the bundle; each is compared with its digest as it is read.
        like: a bundle that was read; its suites are taken over where the evals part is the same.
        suites_later: read the suites when they are first looked at, where these very bytes were read strictly before.
    Raises: DocumentError, or ManyErrors with every fault and its place; BundleError for bytes that are not the
        bundle's.
    """
    reader = _Reader(bundle, tree)
    reader.read_all()
    spec: dict[Part, Mapping[str, Any]] = {
        part: _component(bundle, part).spec for part in Part if part not in (Part.TOOLS, Part.RETRIEVER)
    }
    if bundle.has(Part.TOOLS):
        spec[Part.TOOLS] = bundle.components[Part.TOOLS].spec
    guard, run = spec[Part.GUARDRAILS], spec[Part.RUNBOOK]

    tools = reader.model(ToolsFile, spec[Part.TOOLS]["manifest"]) if Part.TOOLS in spec else None
    schema = reader.attempt(lambda: _schema(reader.document(spec[Part.SCHEMA]["output"])))
    glossary = reader.model(Glossary, guard["glossary"])
    actions = reader.model(ActionMap, guard["actions"]) if guard.get("actions") else None
    answers = reader.model(AnswerPolicy, guard["answers"])
    calibration = _calibration(reader, guard["calibration"]) if guard.get("calibration") else None
    operations = reader.model(Operations, run["operations"])
    runbook = reader.attempt(lambda: parse_guide(reader.text(run["runbook"]), run["runbook"]))
    escalation = reader.attempt(lambda: parse_guide(reader.text(run["escalation"]), run["escalation"]))
    counted = spec[Part.EVALS].get("traffic")
    patterns = spec[Part.EVALS]["suites"]
    suites: Sequence[Suite]
    if like is not None and like.bundle.parts([Part.EVALS]) == bundle.parts([Part.EVALS]):
        suites = like.suites
    elif suites_later:
        suites = _Later(lambda: _read_suites(reader, patterns, counted))
    else:
        suites = _suites(reader, patterns, counted)
    traffic = reader.model(TrafficProfile, counted) if counted else None
    release = reader.attempt(lambda: release_of(bundle, _owners(tree)))

    reader.raise_faults()
    # Without a fault every reading succeeded; this says so to the type checker, and to nobody else.
    assert schema is not None and glossary is not None and answers is not None and operations is not None  # noqa: PT018
    assert runbook is not None and escalation is not None and release is not None  # noqa: PT018
    return Loaded(
        bundle,
        tree,
        release,
        tools.tools if tools is not None else (),
        schema,
        glossary,
        actions,
        answers,
        operations,
        runbook,
        escalation,
        suites,
        tuple(_texts(bundle, reader.content)),
        traffic,
        calibration,
    )


def _calibration(reader: _Reader, path: str) -> "Calibration | None":
    from interlock.core.calibration import Calibration  # with what chooses and proves thresholds

    return reader.model(Calibration, path)


def _texts(bundle: Bundle, content: Mapping[str, bytes]) -> Iterable[tuple[Part, str, str]]:
    for part, component in bundle.components.items():
        for entry in component.files:
            try:
                yield part, entry.path, content[entry.path].decode()
            except UnicodeDecodeError:
                continue  # weights and images are bytes, and nobody lints them
