"""Files are complete or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcgan_tf.system.files import atomic_write, fitting, replaced_content


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
    """A folder is never renamed, which the layers of a container's image forbid."""
    page = tmp_path / "page"
    for name in ("index.html", "mine", "litert/old.wasm", ".temporary-killed/half"):
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_text("old")
    with pytest.raises(ZeroDivisionError), replaced_content(page) as folder:
        (folder / "index.html").write_text("half")
        raise ZeroDivisionError
    assert (page / "index.html").read_text() == "old"
    names = ("index.html", "litert/new.wasm", "folder/page.js")
    before = (page / "litert").stat().st_ino
    with replaced_content(page) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("new")
        assert (page / "index.html").read_text() == "old"
    assert {name: (page / name).read_text() for name in names} == dict.fromkeys(names, "new")
    assert (page / "mine").read_text() == (page / "litert" / "old.wasm").read_text() == "old"
    assert (page / "litert").stat().st_ino == before
    assert len(list(page.iterdir())) == 4


@pytest.mark.parametrize("name", ["x" * 251 + ".png", "x" * 250 + "_z.npy", "é" * 130 + ".png", "x" * 999])
def test_names_fit_the_file_system(tmp_path: Path, name: str):
    fits = fitting(name)
    with atomic_write(tmp_path / fits) as temporary:
        temporary.touch()
    assert (tmp_path / fits).exists()
    assert (fits == name) == (len(name) == 255) and fits.endswith(Path(name).suffix)
    assert len(os.fsencode(fits)) == 255
