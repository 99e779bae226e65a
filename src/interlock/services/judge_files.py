"""The judges of a suite, read from its files: what each is made of, and the labels that it was compared with."""

from collections.abc import Callable, Collection

from interlock.core.binding import bind
from interlock.core.digest import of_bytes
from interlock.core.document import Document
from interlock.core.errors import DocumentError, ManyErrors
from interlock.core.json_text import parse_json
from interlock.core.judges import CalibrationRecord, Judge, JudgeSpec
from interlock.core.rubric import Rubric
from interlock.core.suite import SuiteFile
from interlock.core.yaml_text import parse_yaml
from interlock.services.lock import case_pattern


def read_judges(
    document: Document, spec: SuiteFile, suite_path: str, files: Collection[str], text: Callable[[str], str]
) -> tuple[Judge, ...]:
    """The judges that a suite declares.

    Args:
        document, spec: the suite file, read.
        files: paths of the evals part.
        text: gives the text of a file of the bundle.
    Raises: ManyErrors with every fault: two judges of one name, a file that the part does not have, a calibration record
        that cannot be read or contradicts itself.
    """
    faults: list[DocumentError] = []
    judges: list[Judge] = []
    names: set[str] = set()
    for index, judge in enumerate(spec.judges):
        if judge.name in names:
            message = f"two judges are named `{judge.name}`"
            faults.append(document.error(("judges", index, "name"), message, hint="give each its own name"))
        names.add(judge.name)
        try:
            judges.append(_judge(document, judge, index, suite_path, files, text))
        except DocumentError as fault:
            faults.append(fault)
        except ManyErrors as several:
            faults += [fault for fault in several.errors if isinstance(fault, DocumentError)]
    if faults:
        raise faults[0] if len(faults) == 1 else ManyErrors(faults)
    return tuple(judges)


def _judge(
    document: Document, spec: JudgeSpec, index: int, suite_path: str, files: Collection[str], text: Callable[[str], str]
) -> Judge:
    def path(role: str, written: str) -> str:
        full = case_pattern(suite_path, written)
        if full is None or full not in files:
            hint = "paths are relative to the file of the suite"
            raise document.error(("judges", index, role), f"the bundle has no file `{written}`", hint=hint)
        return full

    paths = {role: path(role, getattr(spec, role)) for role in ("prompt", "rubric")}
    prompt, rubric = (of_bytes(text(full).encode()) for full in paths.values())
    record = None if spec.calibration is None else _calibration(path("calibration", spec.calibration), text)
    if spec.endpoint is None:
        return Judge(spec, prompt, rubric, record)
    # Only a judge that is asked needs criteria that a machine can read.
    criteria = bind(Rubric, _read(paths["rubric"], text))
    return Judge(spec, prompt, rubric, record, text(paths["prompt"]), criteria)


def _read(path: str, text: Callable[[str], str]) -> Document:
    return (parse_json if path.endswith(".json") else parse_yaml)(text(path), path)


def _calibration(path: str, text: Callable[[str], str]) -> CalibrationRecord:
    document = _read(path, text)
    record = bind(CalibrationRecord, document)
    faults = [
        document.error(("rows", index), message, hint="keep one row for each person and case")
        for index, message in record.faults()
    ]
    if faults:
        raise faults[0] if len(faults) == 1 else ManyErrors(faults)
    return record
