"""LSUN's unpacked archives, <category>_<split>_lmdb/data.mdb: find them and read their images."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan_tf.system.errors import UserError

if TYPE_CHECKING:
    import lmdb


def find(folder: Path) -> list[Path]:
    """Return the archives in the folder, sorted; the folder itself can be one.

    A dot in a name is that of a copy (.bak), or of a folder into which a download that was killed was unpacked.
    """
    paths = [folder, *(path for path in sorted(folder.glob("*")) if "." not in path.name)]
    return [path for path in paths if (path / "data.mdb").is_file()]


def split_of(archive: Path) -> str:
    """Return the split that the archive's name stands for: train or test."""
    if re.search("(val|test)(_lmdb)?$", archive.name):
        return "test"
    return "train"


def category_of(archive: Path) -> str:
    """Return the archive's name without its split: bedroom for bedroom_train_lmdb."""
    return re.sub("(_(train|val|test))?(_lmdb)?$", "", archive.absolute().name)


def count(archive: Path) -> int:
    """Return the number of images. Raises UserError if the archive is damaged."""
    with _open(archive) as environment:
        return environment.stat()["entries"]


def examples(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (key, encoded image) for each image, sorted by key. Raises UserError if the archive is damaged."""
    with _open(archive) as environment, environment.begin() as transaction:
        for key, value in transaction.cursor():
            yield key.decode(errors="replace"), value


@contextlib.contextmanager
def _open(archive: Path) -> Iterator[lmdb.Environment]:
    try:
        import lmdb
    except ImportError as error:
        raise UserError(
            f"The LMDB archives in {archive.parent.absolute()} need the package lmdb, which is not installed; install"
            " it with pip install lmdb."
        ) from error
    try:
        with lmdb.open(str(archive), readonly=True, lock=False, readahead=False, create=False) as environment:
            yield environment
    except lmdb.Error as error:
        if "already open" in str(error):  # LMDB allows it once in a process
            raise UserError(
                f"The LMDB archive {archive.absolute()} is being read by another thread; wait for it, or use another"
                " process."
            ) from error
        raise UserError(f"The LMDB archive {archive.absolute()} is damaged ({error}); unpack it again.") from error
