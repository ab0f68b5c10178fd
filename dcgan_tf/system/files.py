"""Write files so that each is either complete or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from dcgan_tf.system.errors import UserError, printable

TEMPORARY = ".temporary-"  # the names of files and folders that are being written begin with this
MAX_NAME = 255  # bytes, in most file systems
# TensorFlow takes these for patterns, in which a backslash is an escape; and it reads UTF-8 only
READ_OTHERWISE = re.compile(r"[\[\]*?\\\ud800-\udfff]")


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, in the same folder; at the end it is renamed to `path`.

    If the block raises an exception, what it wrote is removed, and an older file stays as it was.
    """
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}{path.suffix}")  # another thread may write it, too
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole. If this is interrupted, there is no incomplete file."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def fitting(name: str) -> str:
    """Return the name of a file; if it is too long for file systems, a digest stands for a part of it."""
    if len(os.fsencode(name)) <= MAX_NAME:
        return name
    stem, ending = os.path.splitext(name)
    ending = f"-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}{ending}"
    return os.fsencode(stem)[: MAX_NAME - len(ending)].decode(errors="ignore") + ending


@contextlib.contextmanager
def replaced_content(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write in; at the end each of its files replaces what has the same name in `folder`.

    Everything else in the folder stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporary([folder])
    with tempfile.TemporaryDirectory(dir=folder, prefix=TEMPORARY, ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)
        for new in sorted(Path(temporary).rglob("*")):  # a folder comes before what is in it
            old = folder / new.relative_to(temporary)
            if new.is_dir():  # not renamed, which the layers of a container's image forbid
                old.mkdir(exist_ok=True)
            else:
                new.replace(old)


def absolute(path: Path) -> Path:
    """Return an absolute path. TensorFlow would drop a link before .. with it, so that is resolved."""
    if ".." in path.parts:
        return path.resolve()
    return path.absolute()


def check_folder(folder: Path) -> None:
    """Raise UserError if TensorFlow does not read the path of a folder as Python does."""
    found = READ_OTHERWISE.search(folder.as_posix())  # the backslashes of Windows separate folders
    if found:
        raise UserError(
            f"The folder {printable(str(folder))} has {found[0]!r} in its path, which TensorFlow reads otherwise, so"
            " its checkpoints could not be read again; choose another --out_dir or --out_name, or rename the folder."
        )


def check_writable(folder: Path) -> None:
    """Raise OSError if a folder cannot be made, or cannot be written."""
    for place in (folder, *folder.parents):
        with contextlib.suppress(FileNotFoundError):
            place.lstat()
            if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(0, f"{place} is not a folder that can be written")
            return


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; of a link, the link alone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def remove_temporary(folders: Iterable[Path]) -> None:
    """Remove what a process that was killed left in the folders."""
    for folder in folders:
        for path in folder.glob(f"{TEMPORARY}*"):
            remove(path)
