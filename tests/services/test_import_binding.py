"""Imported runs are evidence for the bundle that made them, and for no other."""

import json
from pathlib import Path

import pytest

from feature import Feature
from interlock.core.errors import TargetError, UsageError
from interlock.services.import_binding import refuse_unbound, runtime_of
from interlock.services.import_runs import import_runs
from interlock.settings import read_settings
from interlock.wiring import read_feature


def rows(path: Path) -> Path:
    found = [{"case": name, "slice": "x", "passed": True, "input": "?", "text": "!"} for name in "ab"]
    path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return path


def head(out: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / f"recordings/{name}.jsonl").read_text("utf-8").splitlines()[0])
    return found


def test_runs_are_bound_by_the_parts_that_made_them(feature: Feature, tmp_path: Path) -> None:
    bundle = read_feature(read_settings(feature.root))[1].bundle
    bound = runtime_of(bundle)
    report = import_runs("rows", [rows(tmp_path / "v.jsonl")], tmp_path / "out", bound=bound)
    assert report.releases[0].bound
    source = head(tmp_path / "out", "v")
    assert source["bound"] == bound
    refuse_unbound(source, bundle)
    with pytest.raises(TargetError, match="another bundle"):
        refuse_unbound({**source, "bound": {**bound, "runtime": "sha256:" + "0" * 64}}, bundle)


def test_unbound_runs_are_those_of_the_model_that_they_name(feature: Feature, tmp_path: Path) -> None:
    bundle = read_feature(read_settings(feature.root))[1].bundle
    model = runtime_of(bundle)["model_id"]
    import_runs("rows", [rows(tmp_path / "v.jsonl")], tmp_path / "a", release=model)
    (name,) = [path.stem for path in (tmp_path / "a/recordings").iterdir()]
    refuse_unbound(head(tmp_path / "a", name), bundle)
    import_runs("rows", [rows(tmp_path / "v.jsonl")], tmp_path / "b")
    with pytest.raises(TargetError, match="not bound to this bundle"):
        refuse_unbound(head(tmp_path / "b", "v"), bundle)
    refuse_unbound(None, bundle)  # a recording that nobody imported is an app like any other


def test_what_was_read_is_named_by_its_bytes(tmp_path: Path) -> None:
    source = rows(tmp_path / "v.jsonl")
    report = import_runs("rows", [source], tmp_path / "out")
    from interlock.core.digest import of_bytes

    assert report.sources == (
        {"name": "v.jsonl", "sha256": of_bytes(source.read_bytes()), "bytes": source.stat().st_size},
    )
    assert head(tmp_path / "out", "v")["sources"] == [dict(one) for one in report.sources]


def test_runs_of_another_model_cannot_be_bound(tmp_path: Path) -> None:
    golden = Path(__file__).parents[1] / "golden/imports/inspect-0.3.285.json"
    with pytest.raises(UsageError, match="made with the model `mockllm/model`"):
        import_runs(None, [golden], tmp_path / "out", bound={"runtime": "sha256:" + "1" * 64, "model_id": "gpt"})
    assert not (tmp_path / "out").exists()
    import_runs(None, [golden], tmp_path / "out", bound={"runtime": "sha256:" + "1" * 64, "model_id": "model"})
