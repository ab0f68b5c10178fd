"""Write files and folders so that each is either complete or not there."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dcgan_tf.system.errors import UserError, printable

TEMPORARY = ".temporary-"  # the names of files and folders that are being written begin with this


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; at the end it is renamed to `path`."""
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}-{path.name}")  # another thread may write it, too
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder to write in; at the end it replaces the folder `path`.

    A folder that must stay, such as a mounted one, gets its files one by one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stays = path.exists() and _must_stay(path)
    place = path.parent
    if stays:
        place = path
    with tempfile.TemporaryDirectory(dir=place, prefix=TEMPORARY, ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary, path.name)
        folder.mkdir()
        yield folder
        if stays:
            _replace_content(path, folder, Path(temporary))
            return
        before = Path(temporary, "before")
        if path.exists():
            path.replace(before)
        try:
            folder.replace(path)
        except OSError:
            if before.exists():
                before.replace(path)
            raise


def _must_stay(folder: Path) -> bool:
    """Return whether a folder cannot be renamed, or should not be, because the user's shell is in it."""
    is_current = os.path.samefile(folder, os.curdir)
    return is_current or os.path.ismount(folder) or not os.access(folder.parent, os.W_OK)


def _replace_content(folder: Path, new: Path, temporary: Path) -> None:
    names = {temporary.name}  # its path can be written otherwise
    for path in new.iterdir():
        names.add(path.name)
        target = folder / path.name
        if target.is_dir():  # which nothing can replace
            remove(target)
        path.replace(target)
    for path in folder.iterdir():
        if path.name not in names:
            remove(path)


def check_replaceable(folder: Path, own: Iterable[str], advice: str = "move that away") -> None:
    """Raise UserError if a folder that is replaced as a whole has other files than those of the names `own`."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is a file, but must become a folder; {advice}.")
    names = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)}
    others = names - {*own, ".DS_Store", "Thumbs.db"}
    if others:
        raise UserError(
            f"{folder} would be replaced as a whole, but has {printable(min(others))}, which this command does not"
            f" write; {advice}."
        )


def check_folder(folder: Path) -> None:
    """Raise UserError if TensorFlow would take the path of a folder for a pattern, and find nothing in it later."""
    found = re.search(r"[\[\]*?]", str(folder))
    if found:
        raise UserError(
            f"The folder {printable(str(folder))} has {found[0]!r} in its path, which TensorFlow takes for a pattern,"
            " so its checkpoints could not be read again; choose another --out_dir or --out_name, or rename the folder."
        )


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def remove_temporary_files(folders: Iterable[Path]) -> None:
    """Remove what `atomic_write` left in the folders when its process was killed."""
    for folder in folders:
        for file in folder.glob(f"{TEMPORARY}*"):
            if file.is_file():
                file.unlink()
