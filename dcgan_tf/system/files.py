"""Write files so that each is either complete or not there."""

from __future__ import annotations

import contextlib
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


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as a whole. If this is interrupted, there is no incomplete file."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replaced_content(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write in; at the end what is in it replaces what has the same names in `folder`.

    Everything else in the folder stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporary([folder])
    with tempfile.TemporaryDirectory(dir=folder, prefix=TEMPORARY, ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)
        for new in Path(temporary).iterdir():
            old = folder / new.name
            if old.is_dir():  # which nothing can replace
                shutil.rmtree(old)
            new.replace(old)


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


def remove_temporary(folders: Iterable[Path]) -> None:
    """Remove what a process that was killed left in the folders."""
    for folder in folders:
        for path in folder.glob(f"{TEMPORARY}*"):
            remove(path)
