"""Pages that are written from the code say what the code says. Write them anew: python tests/docs/test_generated.py"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import interlock
from interlock.core.catalogue import CATALOGUE
from interlock.core.checks import LIMITS
from interlock.core.errors import InterlockError, all_codes
from interlock.core.manifest import Profile
from interlock.views.catalogue import catalogue_markdown, errors_markdown

DOCS = Path(__file__).parents[2] / "docs"
KEYS = re.compile(r"<!-- keys: (?P<module>[\w.]+):(?P<model>\w+) -->\n\n(?P<table>(?:\|.*\n)+)")


def _codes() -> dict[str, type[InterlockError]]:
    """Every code that the package has; an adapter or a service defines some, so all of it is imported."""
    for module in pkgutil.walk_packages(interlock.__path__, "interlock."):
        if "__main__" not in module.name and ".migrations.versions" not in module.name:
            importlib.import_module(module.name)
    return {code: kind for code, kind in all_codes().items() if kind.__module__.startswith("interlock.")}


def pages() -> dict[str, str]:
    return {"checks.md": catalogue_markdown(CATALOGUE), "errors.md": errors_markdown(_codes())}


@pytest.mark.parametrize("name", ["checks.md", "errors.md"])
def test_a_generated_page_is_what_the_code_writes(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == pages()[name], "run: python tests/docs/test_generated.py"


def test_the_page_of_checks_has_each_check_with_its_rule_and_its_reason() -> None:
    page = pages()["checks.md"]
    for check in CATALOGUE:
        assert f"\n### {check.id}\n" in page
        assert check.rule in page
        assert check.why in page
        assert check.instrument or check.missing in page


def test_the_page_of_checks_has_every_limit_of_every_profile() -> None:
    page = pages()["checks.md"]
    for profile in Profile:
        assert f"{LIMITS[profile].evidence_days:g}" in re.search(r"\| `evidence_days` \|(.*)", page)[1]  # type: ignore[index]


# ── formats.md is written by people; the keys in it are not theirs to invent


def _tables() -> Iterator[tuple[str, type[BaseModel], list[list[str]]]]:
    text = (DOCS / "formats.md").read_text("utf-8")
    for found in KEYS.finditer(text):
        model = getattr(importlib.import_module(found["module"]), found["model"])
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in found["table"].splitlines()[2:]]
        yield found["model"], model, rows


def _default(field: FieldInfo) -> str:
    """How a default is written: as it would stand in the file."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if value is None:
        return "none"
    if isinstance(value, tuple | list | dict):
        return "empty" if not value else str(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def test_formats_has_tables_to_compare() -> None:
    assert {name for name, _, _ in _tables()} >= {
        "Manifest", "Case", "Expect", "SuiteFile", "Glossary", "Action", "AnswerPolicy", "Operations", "Tool",
    }  # fmt: skip


def test_each_format_lists_exactly_the_keys_that_are_read() -> None:
    for name, model, rows in _tables():
        written = {row[0].strip("`"): row[1] for row in rows}
        read = {field.alias or key: _default(field) for key, field in model.model_fields.items()}
        assert written == read, f"the table of {name} in docs/formats.md"


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text, "utf-8")
        print(f"wrote docs/{name}")
