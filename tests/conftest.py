"""The small feature of `feature.py`, for every folder of tests that uses it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from feature import Feature, write_feature


@pytest.fixture
def as_ada(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person at the keyboard is Ada, and nothing of this machine's settings leaks in."""
    for name in ("INTERLOCK_STATE", "INTERLOCK_DATABASE_URL", "INTERLOCK_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INTERLOCK_ACTOR", "ada")


@pytest.fixture
def feature(tmp_path: Path, capsys: pytest.CaptureFixture[str], as_ada: None) -> Feature:
    """A feature that nobody locked or checked yet."""
    return Feature(write_feature(tmp_path / "ferries"), capsys)


@pytest.fixture(scope="session")
def checked_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The feature, locked and checked READY by Ada in both environments; copied, never used itself."""
    from interlock.cli import run

    root = write_feature(tmp_path_factory.mktemp("checked") / "ferries")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLOCK_ACTOR", "ada")
        assert run(["lock", "--reason", "first", "--dir", str(root)]) == 0
        assert run(["check", "--quiet", "--dir", str(root)]) == 0
    return root


@pytest.fixture
def checked(checked_once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], as_ada: None) -> Feature:
    """A feature that is locked and READY, live nowhere."""
    return Feature(Path(shutil.copytree(checked_once, tmp_path / "ferries")), capsys)


@pytest.fixture(scope="session")
def live_once(checked_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same, live in staging; copied, never used itself."""
    from interlock.cli import run

    root = Path(shutil.copytree(checked_once, tmp_path_factory.mktemp("live") / "ferries"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTERLOCK_ACTOR", "ada")
        assert run(["promote", "staging", "--reason", "first", "--dir", str(root)]) == 0
    return root


@pytest.fixture
def live(live_once: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], as_ada: None) -> Feature:
    """A feature that is locked, READY, and live in staging."""
    return Feature(Path(shutil.copytree(live_once, tmp_path / "ferries")), capsys)
