"""Where a data set comes from: a folder of pictures, idx files, LSUN's LMDB archives, or tensorflow-datasets."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from dcgan_tf.config import Config
from dcgan_tf.data import idx, mnist, tfds
from dcgan_tf.errors import UserError

KINDS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
KINDS |= {".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}


class Item(NamedTuple):
    """One picture, not yet decoded."""

    name: str  # for people
    data: Path | bytes | np.ndarray  # its file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3]
    label: int  # 0 where there are no classes


@dataclass(frozen=True)
class Source:
    """All pictures of a data set, not yet decoded."""

    location: str  # for people
    items: Iterable[Item]
    count: int
    class_names: tuple[str, ...] = ()  # none where not every picture has a class
    size: tuple[int, int] | None = None  # (height, width), where all are decoded already and have one
    channels: int | None = None  # where all are known to have that many before they are read
    conditional: bool = False  # whether classes are used if --conditional does not say
    shuffle_each_epoch: bool = True  # anew for each epoch
    has_test: bool = False  # whether it has the splits train and test


def find(config: Config) -> Source:
    """The data set of that name, in data_dir if it is there. Raises UserError if it is nowhere."""
    folder = Path(config.data_dir) / config.dataset
    if folder.is_file():
        raise UserError(f"The data set {folder.absolute()} is a file, not a folder; unpack it into a folder first.")
    try:
        source = image_folder(folder, config)
        if not source and config.dataset == "mnist":
            mnist.ensure(folder)
        source = source or idx_files(folder, config) or lmdb_archives(folder, config) or from_tfds(folder, config)
    except PermissionError as error:
        raise UserError(
            f"The folder {error.filename} cannot be read ({error.strerror}); make it readable, or name another with"
            " --dataset."
        ) from error
    name = tfds.ALIASES.get(config.dataset, config.dataset)
    source = source or from_tfds(Path(config.data_dir) / name, config)
    if not source and not any(files for _, _, files in os.walk(folder)):  # not there, or empty
        prepared = tfds.fetch(name, config.data_dir)
        source = prepared and from_tfds(prepared, config)
    if not source:
        there = f"in {folder.absolute()} there are none" if folder.is_dir() else f"{folder.absolute()} does not exist"
        named = f" whose name fits {config.input_fname_pattern!r}" if config.input_fname_pattern else ""
        raise UserError(
            f"There is no data set {config.dataset!r}: it should be a folder of pictures{named} (or of idx files) or a"
            f" name that tensorflow-datasets knows, but {there}; put pictures there, or name another with --dataset and"
            " --data_dir."
        )
    return source


def image_folder(folder: Path, config: Config) -> Source | None:
    """The picture files in the folder and in its sub-folders, whose names are classes; None if there are none."""
    files = find_image_files(folder, config.input_fname_pattern)
    if not files:
        return None
    inside = [file.split(os.sep)[0] for file in files if os.sep in file]
    names = tuple(sorted(set(inside))) if len(inside) == len(files) else ()
    number = {name: i for i, name in enumerate(names)}
    items = (Item(file, folder / file, number.get(file.split(os.sep)[0], 0)) for file in files)
    return Source(str(folder.absolute()), items, len(files), names)


def find_image_files(folder: Path, pattern: str) -> list[str]:
    """Paths, relative to the folder and sorted, of the pictures below it.

    Symbolic links are followed, but no folder is entered twice.
    The pattern compares without regard to case. With one, files without any extension are taken for pictures, too.
    Hidden files and folders are passed over. What else is left out is printed.
    """
    found, others, seen = [], Counter(), set()
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_stop_unless_missing):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = PurePath(os.path.relpath(os.path.join(parent, name), folder))
            if name.startswith(".") or (pattern and not PurePath(str(path).lower()).match(pattern.lower())):
                continue
            if path.suffix.lower() in KINDS or (pattern and not path.suffix):
                found.append(str(path))
            else:
                others[path.suffix.lower() or "no extension"] += 1
    if found and others:
        kinds = ", ".join(f"{count} {printable(kind)}" for kind, count in others.most_common(5))
        print(f"Left aside:  files of other kinds: {kinds}")
    return sorted(found)


def _stop_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def printable(text: str) -> str:
    """A file's name for the screen: control characters and bytes that are no letters become question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)


def idx_files(folder: Path, config: Config) -> Source | None:
    """MNIST's layout: *-images-idx3-ubyte and *-labels-idx1-ubyte, plain or .gz, train first, shuffled once.

    The order is that of the original's load_mnist (model.py; its seed is 547).
    """
    parts = idx.parts(folder, config.input_fname_pattern or "*", config.split)
    if not parts:
        return None
    images = [idx.read(part) for part, _ in parts]
    labels = [idx.read(part) for _, part in parts if part]
    if len({array.shape[1:] for array in images}) > 1 or images[0].ndim < 3 or images[0].shape[3:] not in ((), (3,)):
        shapes = ", ".join(f"{part.name} {array.shape}" for (part, _), array in zip(parts, images, strict=True))
        raise UserError(
            f"The idx files in {folder.absolute()} must hold pictures of one size, gray or with 3 channels, but have"
            f" the shapes {shapes}; choose among them with --input_fname_pattern."
        )
    if labels and [len(array) for array in labels] != [len(array) for array in images]:
        raise UserError(f"In {folder.absolute()} there is not one label for each picture; fetch these idx files again.")
    count = sum(map(len, images))
    labels = np.concatenate(labels).astype(np.int32) if labels else np.zeros(count, np.int32)
    names = tuple(map(str, range(labels.max() + 1))) if parts[0][1] and count else ()
    order = np.random.RandomState(config.seed).permutation(count)
    ends = np.cumsum([len(array) for array in images])

    def items() -> Iterator[Item]:
        for i, part in zip(order, np.searchsorted(ends, order, "right"), strict=True):
            yield Item(f"number {i}", images[part][i - ends[part]], int(labels[i]))

    location = str(folder.absolute())
    size, channels, labelled = images[0].shape[1:3], 1 if images[0].ndim == 3 else None, bool(names)
    splits = {idx.split_of(part.name) for part, _ in idx.parts(folder, config.input_fname_pattern or "*", "all")}
    both = len(splits) == 2
    return Source(location, items(), count, names, size, channels, labelled, shuffle_each_epoch=False, has_test=both)


def lmdb_archives(folder: Path, config: Config) -> Source | None:
    """LSUN's unpacked archives, <category>_<set>_lmdb/data.mdb in the folder, or the folder is one; None if not."""
    found = sorted(file.parent for file in (*folder.glob("data.mdb"), *folder.glob("*/data.mdb")))
    splits = ["test" if re.search("(val|test)(_lmdb)?$", path.name) else "train" for path in found]
    databases = [path for path, split in zip(found, splits, strict=True) if config.split in ("all", split)]
    if not databases:
        return None
    try:
        import lmdb
    except ImportError as error:
        raise UserError(
            f"The LMDB archives in {folder.absolute()} are read with the package lmdb, which is missing; install it"
            " with pip install lmdb."
        ) from error
    category = [re.sub("(_(train|val|test))?(_lmdb)?$", "", path.absolute().name) for path in databases]
    names = tuple(sorted(set(category)))

    @contextmanager
    def opened(path: Path) -> Iterator[lmdb.Environment]:
        try:
            with lmdb.open(str(path), readonly=True, lock=False, readahead=False, create=False) as environment:
                yield environment
        except lmdb.Error as error:
            raise UserError(f"The LMDB archive {path.absolute()} is damaged ({error}); unpack it again.") from error

    def items() -> Iterator[Item]:
        for path, name in zip(databases, category, strict=True):
            with opened(path) as environment, environment.begin() as transaction:
                for key, value in transaction.cursor():
                    yield Item(f"{path.name}: {key.decode(errors='replace')}", value, names.index(name))

    count = 0
    for path in databases:
        with opened(path) as environment:
            count += environment.stat()["entries"]
    return Source(str(folder.absolute()), items(), count, names, has_test=len(set(splits)) == 2)


def from_tfds(folder: Path, config: Config) -> Source | None:
    """What tensorflow-datasets has prepared in the folder, in the newest version; None if it has not."""
    prepared = tfds.newest(folder)
    if not prepared:
        return None
    stored = tfds.PreparedDataset(prepared, config.split)
    items = (Item(*example) for example in stored.examples())
    has_test = stored.test is not None
    return Source(str(prepared.absolute()), items, stored.count, stored.class_names, has_test=has_test)
