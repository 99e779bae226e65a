"""`interlock.yaml`: what a team writes about its feature and the eight parts of its bundle (format 1)."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from interlock.core.binding import FeatureStr, NameStr, Str, Strict, VersionStr


class Part(StrEnum):
    """The eight parts of what is released, in the order in which people read them."""

    MODEL = "model"
    PROMPT = "prompt"
    SCHEMA = "schema"
    RETRIEVER = "retriever"
    TOOLS = "tools"
    GUARDRAILS = "guardrails"
    EVALS = "evals"
    RUNBOOK = "runbook"


TAKES_PROBES = "guard-probes"
"""What an app declares under `app.capabilities` when it hands probes to its answer policy."""

TAKES_TOOL_PROBES = "tool-probes"
"""What an app declares when its guard judges the tool calls that its model proposes, and its replies hold the decisions."""

READS_STORED = "reads-stored"
"""What an app declares under `app.capabilities` when it reads a stored output that a request's context carries."""

RUNTIME_PARTS: tuple[Part, ...] = (
    Part.MODEL,
    Part.PROMPT,
    Part.SCHEMA,
    Part.RETRIEVER,
    Part.TOOLS,
    Part.GUARDRAILS,
)
"""The parts that shape a reply at run time; the others judge it or look after it."""


class Profile(StrEnum):
    """How much readiness a feature owes: a lighter bar for prototypes, a floor for regulated work."""

    LIGHT = "light"
    STANDARD = "standard"
    REGULATED = "regulated"


class Stage(StrEnum):
    """How exposed an environment is; it decides which checks are asked there."""

    LAB = "lab"
    PROTOTYPE = "prototype"
    PILOT = "pilot"
    GA = "ga"


class Stakes(Strict):
    """What can go wrong, answered by people; the profile is derived from it (GOV-04)."""

    acts: bool = Field(description="does it change anything outside the conversation?")
    locks_out: bool = Field(description="can it lock somebody out of an account?")
    misstates_policy: bool = Field(description="can it misstate a policy or a legal position?")
    costs_money: bool = Field(description="can a wrong answer cost the company or the customer money?")
    fallback: Literal["cheap", "costly", "none"] = Field(description="how cheap is the path without AI?")

    def derived_profile(self, data_classes: tuple[str, ...] = ()) -> Profile:
        """The lightest profile that these answers permit.

        Regulated: it acts in a way that can lock somebody out and there is no cheap way back, or it
        handles health, biometric, credit or children's data. Light: nothing can go wrong that a cheap
        fallback does not mend. Everything else is standard.

        >>> Stakes(acts=False, locks_out=False, misstates_policy=False, costs_money=False, fallback="cheap").derived_profile()
        <Profile.LIGHT: 'light'>
        """
        if SENSITIVE_DATA.intersection(data_classes) or (
            self.acts and (self.locks_out or self.costs_money) and self.fallback == "none"
        ):
            return Profile.REGULATED
        if not (self.acts or self.locks_out or self.misstates_policy or self.costs_money) and self.fallback == "cheap":
            return Profile.LIGHT
        return Profile.STANDARD


SENSITIVE_DATA: frozenset[str] = frozenset({"health", "biometric", "credit", "children", "criminal"})
"""Data classes for which the regulated floor applies (after GDPR art. 9 and 10 and the EU AI Act, annex III)."""


def _relative(path: str) -> str:
    if path.startswith("/") or "\\" in path or ".." in path.split("/"):
        raise ValueError("must be a path inside the feature's folder, with forward slashes")
    return path


PathStr = Annotated[Str, AfterValidator(_relative)]


class Requires(Strict):
    """What a part needs of the others; checked at every lock, derive and flip (CMP-01)."""

    schema_: str | None = Field(default=None, alias="schema", description="version range, e.g. `>=3,<5`")
    model: str | None = None
    prompt: str | None = None
    retriever: str | None = None
    guardrails: str | None = None
    tools: dict[Literal["has"], tuple[str, ...]] | None = None
    embedding: str | None = Field(default=None, description="fingerprint of the embedding model")
    app: dict[Literal["capability"], str] | None = None


class Covers(Strict):
    """What the suites promise to exercise (CMP-02)."""

    tools: Literal["all"] | None = None
    schema_: Literal["fields"] | None = Field(default=None, alias="schema")
    guardrails: Literal["rules"] | None = None


class _PartSpec(Strict):
    version: VersionStr
    files: tuple[PathStr, ...] = ()
    folders: tuple[PathStr, ...] | None = Field(
        default=None, description="folders of which every file must be claimed; default: where its files are"
    )
    requires: Requires | None = None


class Price(Strict):
    """Price of a model call; pinned, so that a cap means something (CAP-01)."""

    as_of: Str
    input_per_mtok_usd: float = Field(ge=0)
    output_per_mtok_usd: float = Field(ge=0)


class ModelPart(_PartSpec):
    """Which model answers, with which parameters, at which price."""

    provider: Str
    id: Str
    fingerprint: str | None = Field(
        default=None, description="digest of the weights, or the fingerprint that responses echo"
    )
    echoed: bool = Field(default=False, description="responses name the id or fingerprint, and it is compared")
    probe: PathStr | None = Field(default=None, description="behaviour probe for an alias (pin level P2)")
    parameters: dict[str, JsonValue] = {}
    price: Price | None = None


class PromptPart(_PartSpec):
    """System prompt and templates."""


class SchemaPart(_PartSpec):
    """The shape of an answer and the versions of it that this bundle still reads."""

    output: PathStr
    parser: PathStr | None = None
    reads_stored: tuple[VersionStr, ...] = ()
    stored: dict[VersionStr, tuple[PathStr, ...]] | None = Field(
        default=None, description="files of outputs as they were stored, by the version of the schema then (PRS-03)"
    )


class RetrieverPart(_PartSpec):
    """Settings, index and sources of retrieval."""

    settings: dict[str, JsonValue] = {}
    embedding: str | None = None
    index: dict[str, JsonValue] | None = Field(default=None, description="external index: id, fingerprint, count")


class ToolsPart(_PartSpec):
    """The tools that may be proposed, in the shape of an MCP `tools/list` answer."""

    manifest: PathStr


class GuardrailsPart(_PartSpec):
    """Glossary, action map and answer policy."""

    glossary: PathStr
    actions: PathStr | None = None
    answers: PathStr
    calibration: PathStr | None = Field(default=None, description="the record that `interlock tune abstention` writes")


class EvalsPart(_PartSpec):
    """Suites, cases and what must hold of them."""

    suites: tuple[PathStr, ...] = Field(min_length=1)
    traffic: PathStr | None = Field(default=None, description="requests counted by slice; else shares are declared")
    covers: Covers | None = None


class RunbookPart(_PartSpec):
    """Runbook, escalation guide and operations."""

    runbook: PathStr
    escalation: PathStr
    operations: PathStr


class Parts(Strict):
    """The eight parts. A feature without retrieval or tools says `none`."""

    model: ModelPart
    prompt: PromptPart
    schema_: SchemaPart = Field(alias="schema")
    retriever: RetrieverPart | Literal["none"]
    tools: ToolsPart | Literal["none"]
    guardrails: GuardrailsPart
    evals: EvalsPart
    runbook: RunbookPart


class TargetSpec(Strict):
    """How the app is called: what is evaluated is the app, not only the model."""

    kind: Literal["python", "openai", "http", "command", "recorded"]
    call: Str | None = Field(default=None, description="python: `module:function`, relative to the feature's folder")
    url: Str | None = Field(default=None, description="http, openai: address; `${NAME}` reads an environment variable")
    command: tuple[Str, ...] | None = Field(default=None, description="command: program and arguments")
    path: PathStr | None = Field(
        default=None, description="recorded: a JSONL file of replies by case; `{model}` stands for the id of the model"
    )
    key_env: Str | None = Field(default=None, description="name of the environment variable that holds the key")


def _mode(value: object) -> object:
    """`replay` is what `replay-strict` was called first."""
    return "replay-strict" if value == "replay" else value


CallMode = Literal["live", "record", "replay-or-live", "replay-strict"]
"""Where the calls of a run are answered: see `docs/running.md`."""


class RunSpec(Strict):
    """Limits of an eval run."""

    concurrency: int = Field(default=8, ge=1, le=256, description="trials at once, and calls at once to one endpoint")
    timeout_s: float = Field(default=60.0, gt=0, description="of one attempt, without what it waits for its turn")
    deadline_s: float | None = Field(default=None, gt=0, description="of one trial, with all its attempts and waits")
    run_deadline_s: float | None = Field(default=None, gt=0, description="of the run; what is left then is owed")
    attempts: int = Field(default=3, ge=1, le=10, description="tries of a call that broke in transport")
    repeats: int = Field(default=1, ge=1, le=50)
    rpm: float | None = Field(default=None, gt=0, description="requests a minute to one endpoint")
    tpm: float | None = Field(default=None, gt=0, description="tokens a minute to one endpoint")
    cost_cap_usd: float | None = Field(default=None, ge=0)
    curtail: bool = Field(default=False, description="ask no more of a slice whose verdict stands")
    recordings: tuple[PathStr, ...] = ()
    calls: Annotated[CallMode, BeforeValidator(_mode)] = "record"


class AppSpec(Strict):
    """The app build around the bundle: its files name it, its capabilities are what parts may require."""

    files: tuple[PathStr, ...] = ()
    capabilities: tuple[Str, ...] = ()


class EnvironmentSpec(Strict):
    """A place where a bundle is live. It may ask for more than its stage does, never for less."""

    stage: Stage
    approvals: int = Field(default=0, ge=0, le=10)
    also: tuple[Str, ...] = Field(default=(), description="ids of checks asked here beyond the stage")


Rate = Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[float | None, Field(ge=0, le=1_000_000, multiple_of=1, allow_inf_nan=False)]
Days = Annotated[float | None, Field(gt=0, le=3650, allow_inf_nan=False)]


class LimitsSpec(Strict):
    """Limits of the profile that the manifest replaces; what they mean is told in `core/checks.py`."""

    unsupported_max: Rate = None
    abstain_min: Rate = None
    refused_max: Rate = None
    wrong_max: Rate = None
    min_cases: Count = None
    broken_max: Rate = None
    critical_failure_max: Rate = None
    parse_min: Rate = None
    default_margin: Rate = None
    share_distance_max: Rate = None
    traffic_days: Days = None
    mutants_killed_min: Rate = None
    attacks_stopped_min: Rate = None
    tasks_kept_min: Rate = None
    pack_attacks_min: Rate = None
    pack_questions_min: Rate = None
    cover_min: Count = None
    evidence_days: Days = None
    drift_days: Days = None
    drill_days: Days = None
    waiver_days: Days = None
    waivers_open: Count = None
    return_days: Days = None
    provisional_hours: float | None = Field(default=None, gt=0, le=720, allow_inf_nan=False)
    pin_level: float | None = Field(default=None, ge=0, le=3, multiple_of=1, allow_inf_nan=False)

    def given(self) -> dict[str, float]:
        """The limits that are replaced, by name."""
        return self.model_dump(exclude_none=True)


class Manifest(Strict):
    """The whole of `interlock.yaml`."""

    interlock: Literal[1]
    feature: FeatureStr
    purpose: Str
    profile: Profile
    languages: tuple[Str, ...] = Field(min_length=1)
    data_classes: tuple[Str, ...] = ()
    stakes: Stakes | None = None
    owners: dict[Str, Str] = {}
    limits: LimitsSpec = Field(
        default=LimitsSpec(), description="limits of the profile, by name; lowering one is a change"
    )
    app: AppSpec = AppSpec()
    target: TargetSpec
    fallback: TargetSpec | None = None
    run: RunSpec = RunSpec()
    parts: Parts
    environments: dict[NameStr, EnvironmentSpec] = Field(min_length=1)
    ignore: tuple[Str, ...] = ()

    def part(self, kind: Part) -> Any:
        """The specification of one part, or None where the feature says it has none."""
        spec = getattr(self.parts, "schema_" if kind is Part.SCHEMA else kind.value)
        return None if spec == "none" else spec
