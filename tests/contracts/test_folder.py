"""Files on disk: what must not get into a bundle, and what must survive."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from interlock.adapters.folder import FolderBlobStore, FolderTree, exclusive, holds, materialise
from interlock.core.digest import of_bytes
from interlock.core.errors import BundleError, BusyError, ManyErrors
from interlock.testing import MemoryTree


def test_a_changed_blob_is_noticed_and_healed(tmp_path: Path) -> None:
    blobs = FolderBlobStore(tmp_path)
    digest = blobs.put(b"prompt")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.parent.name + file.name == digest.removeprefix("sha256:")
    assert file.stat().st_mode & 0o777 == 0o444
    file.chmod(0o644)
    file.write_bytes(b"prompT")
    with pytest.raises(BundleError, match="other bytes"):
        blobs.get(digest)
    blobs.put(b"prompt")
    assert blobs.get(digest) == b"prompt"


def test_a_write_that_fails_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FolderBlobStore(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        blobs.put(b"prompt")
    monkeypatch.undo()
    assert not blobs.has(of_bytes(b"prompt"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_state_caches_and_history_are_no_part_of_a_tree(tmp_path: Path) -> None:
    for path in (".git/config", ".interlock/keys/a.pem", ".venv/x", "app/__pycache__/a.pyc", "app/b.pyc", "app/a.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    assert list(FolderTree(tmp_path).paths()) == ["app/a.py"]


def test_links_inside_are_files_like_others(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.md").write_text("a")
    (tmp_path / "link.md").symlink_to("real/a.md")
    (tmp_path / "again").symlink_to("real")
    tree = FolderTree(tmp_path)
    assert list(tree.paths()) == ["again/a.md", "link.md", "real/a.md"]
    assert tree.read("link.md") == tree.read("again/a.md") == b"a"


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("../outside.md", "leaves the folder"),
        ("/etc/hostname", "leaves the folder"),
        ("..", "leaves the folder"),
        ("absent.md", "leads to nothing"),
        ("bad", "cannot be followed"),
        (".", "leads in a circle"),
        (".interlock/key.pem", "no part of a bundle"),
    ],
)
def test_links_elsewhere_are_refused_with_place_and_hint(tmp_path: Path, target: str, fault: str) -> None:
    root = tmp_path / "root"
    (root / ".interlock").mkdir(parents=True)
    (root / ".interlock/key.pem").write_text("secret")
    (tmp_path / "outside.md").write_text("x")
    (root / "bad").symlink_to(target)
    with pytest.raises(BundleError, match=fault) as caught:
        FolderTree(root).paths()
    assert str(caught.value.place) == "bad"
    assert caught.value.hint
    if target != ".":
        with pytest.raises(BundleError):
            FolderTree(root).read("bad")


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/etc/hostname")
    (tmp_path / unicodedata.normalize("NFD", "é.md")).write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / os.fsdecode(b"b\xff.md")).write_text("x")
    with pytest.raises(ManyErrors) as caught:
        FolderTree(tmp_path).paths()
    text = caught.value.render()
    assert len(caught.value.errors) == 4
    assert "normal form C" in text
    assert "not a regular file" in text


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no folder"):
        FolderTree(tmp_path / "absent").paths()


def test_a_written_tree_is_used_again_while_it_is_the_same(tmp_path: Path) -> None:
    tree, to = MemoryTree({"a.md": "a", "b/c.md": "c", "d.md": "d"}), tmp_path / "made" / "bundle"
    materialise(["a.md", "b/c.md"], tree, to)
    assert list(FolderTree(to).paths()) == ["a.md", "b/c.md"]
    first = to.stat().st_ino
    (to / "__pycache__").mkdir()
    materialise(["a.md", "b/c.md"], tree, to)
    assert to.stat().st_ino == first
    (to / "extra.md").write_text("x")
    materialise(["a.md", "b/c.md"], tree, to)
    assert list(FolderTree(to).paths()) == ["a.md", "b/c.md"]
    (to / "a.md").chmod(0o644)
    (to / "a.md").write_text("edited")
    assert (materialise(["a.md", "b/c.md"], tree, to) / "a.md").read_text() == "a"
    assert [path.name for path in to.parent.iterdir()] == ["bundle"]


def test_a_tree_that_cannot_be_read_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        materialise(["a.md", "absent.md"], MemoryTree({"a.md": "a"}), tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", ["a.md", "new.md", "__pycache__/x.pyc", ".git/x", ".interlock/x", "notes/b.pyc"])
def test_what_an_app_writes_into_its_root_is_noticed(tmp_path: Path, write: str) -> None:
    tree = MemoryTree({"a.md": b"a", "notes/b.md": b"b"})
    root = materialise(tree.paths(), tree, tmp_path / "root")
    assert holds(tree.paths(), tree, root)
    file = root / write
    file.parent.mkdir(exist_ok=True)
    if file.exists():
        file.chmod(0o644)
    file.write_bytes(b"A")
    assert not holds(tree.paths(), tree, root)
    materialise(tree.paths(), tree, root)
    assert holds(tree.paths(), tree, root)
    (root / "a.md").unlink()
    assert not holds(tree.paths(), tree, root)
    assert not holds(tree.paths(), tree, tmp_path / "nowhere")


def test_a_second_process_is_told_who_holds_what_it_wants(tmp_path: Path) -> None:
    lock = tmp_path / "state" / "measuring.lock"
    code = (
        "import pathlib, sys\nfrom interlock.adapters.folder import exclusive\n"
        f"with exclusive(pathlib.Path({str(lock)!r})):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=rf"another check is measuring \(pid {child.pid}\)") as caught, exclusive(lock):
        pytest.fail("two hold the lock")
    assert (caught.value.exit_code, str(caught.value.place)) == (3, str(lock))
    child.kill()
    child.communicate()
    with exclusive(lock):  # it ends with the process, however that ended
        assert lock.read_text() == f"{os.getpid()}\n"
        with pytest.raises(BusyError, match=str(os.getpid())), exclusive(lock):
            pytest.fail("two hold the lock")
    with exclusive(lock):
        pass
