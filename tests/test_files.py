"""Files and folders are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import atomic_folder, atomic_write, check_replaceable


def test_replaced_leaves_the_old_file_or_the_whole_new_one(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "page") as folder:
        folder.rmdir()
    assert (tmp_path / "page" / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.parametrize(("is_current", "name"), [(True, "page"), (True, "page/../page"), (False, "page")])
def test_a_folder_that_a_shell_is_in_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_current: bool, name: str
):
    (tmp_path / "page").mkdir()
    page = tmp_path / name
    (page / "index.html").write_text("old")
    (page / "old.js").write_text("old")
    (page / "litert").mkdir()
    (page / "litert" / "old.wasm").write_text("old")
    if is_current:
        monkeypatch.chdir(page)
    before = page.stat().st_ino
    with atomic_folder(page) as folder:
        (folder / "index.html").write_text("new")
        (folder / "litert").mkdir()
        assert (page / "index.html").read_text() == "old"
    assert (page.stat().st_ino == before) == is_current
    assert sorted(file.name for file in page.rglob("*")) == ["index.html", "litert"]
    assert (page / "index.html").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


def test_only_what_a_killed_process_left_is_replaced_too(tmp_path: Path):
    page = tmp_path / "page"
    (page / ".temporary-x2k86ti_").mkdir(parents=True)
    check_replaceable(page, ())
    (page / ".page.notes").touch()
    with pytest.raises(UserError, match=r"has \.page\.notes, which this command does not write"):
        check_replaceable(page, ())


def test_a_failed_export_keeps_the_one_before(tmp_path: Path):
    with atomic_folder(tmp_path / "export") as folder:
        (folder / "a").write_text("first")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "export") as folder:
        (folder / "a").write_text("second")
        raise ZeroDivisionError
    assert (tmp_path / "export" / "a").read_text() == "first"
    assert [file.name for file in tmp_path.iterdir()] == ["export"]
    with atomic_folder(tmp_path / "export") as folder:
        (folder / "b").write_text("third")
    assert [file.name for file in (tmp_path / "export").iterdir()] == ["b"]
