"""LSUN's unpacked archives, <category>_<split>_lmdb/data.mdb: find them and read their images."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcgan_tf.data.sources import Item, Source, choose
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError


def find(folder: Path, config: Asked) -> Source | None:
    """Find the archives in the folder; the folder itself can be one. Their categories are the classes.

    A dot in a name is that of a copy (.bak), or of a folder into which a download that was killed was unpacked.

    Raises: UserError if an archive is damaged.
    """
    splits = {}
    for path in (folder, *sorted(folder.glob("*"))):
        if (path / "data.mdb").is_file() and "." not in path.name:
            splits[path] = "train"
            if re.search("(val|test)(_lmdb)?$", path.name):
                splits[path] = "test"
    archives, has_test = choose(splits, config.split)
    if not archives:
        return None
    categories = [re.sub("(_(train|val|test))?(_lmdb)?$", "", archive.name) for archive in archives]
    names = tuple(sorted(set(categories)))
    count = 0
    for archive in archives:
        with _open(archive) as environment:
            count += environment.stat()["entries"]

    def items() -> Iterator[Item]:
        for archive, category in zip(archives, categories, strict=True):
            with _open(archive) as environment, environment.begin() as transaction:
                for key, image in transaction.cursor():
                    name = f"{archive.name}: {key.decode(errors='replace')}"
                    yield Item(name, image, names.index(category))

    files = [archive / "data.mdb" for archive in archives]
    return Source(
        location=str(folder),
        items=items(),
        count=count,
        class_names=names,
        has_test=has_test,
        files=files,
    )


@contextlib.contextmanager
def _open(archive: Path) -> Iterator[Any]:
    try:
        import lmdb
    except ImportError as error:
        raise UserError(
            f"The LMDB archives in {archive.parent} need the package lmdb, which is not installed; install"
            " it with pip install lmdb."
        ) from error
    try:
        with lmdb.open(str(archive), readonly=True, lock=False, readahead=False, create=False) as environment:
            yield environment
    except lmdb.Error as error:
        raise UserError(
            f"The LMDB archive {archive} cannot be read ({error}); if it is damaged, unpack it again."
        ) from error
