"""Files are complete or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcgan_tf.system.files import atomic_write, replaced_content


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


def test_what_a_folder_is_given_is_replaced_and_all_else_stays(tmp_path: Path):
    page = tmp_path / "page"
    for name in ("index.html", "mine", "litert/old.wasm", ".temporary-killed/half"):
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_content(page) as folder:
        (folder / "index.html").write_text("half")
        raise ZeroDivisionError
    assert (page / "index.html").read_text() == "old"
    with replaced_content(page) as folder:
        (folder / "index.html").write_text("new")
        (folder / "litert").mkdir()
        assert (page / "index.html").read_text() == "old"
    assert sorted(file.name for file in page.rglob("*")) == ["index.html", "litert", "mine"]
    assert (page / "index.html").read_text() == "new" and (page / "mine").read_text() == "old"
