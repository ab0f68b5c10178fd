"""Find a data set: a folder of images, idx files, LSUN's LMDB archives, or tensorflow-datasets."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from dcgan_tf.data import idx, lsun, mnist, tfds
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError

EXTENSIONS = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"}
EXTENSIONS |= {".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"}


class Item(NamedTuple):
    """One image that is not yet decoded."""

    name: str  # for messages
    data: Path | bytes | np.ndarray  # its file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3]
    label: int  # 0 if there are no classes


@dataclass(frozen=True)
class Source:
    """All images of a data set, not yet decoded."""

    location: str  # for messages
    items: Iterable[Item]
    count: int
    class_names: tuple[str, ...] = ()  # empty unless every image has a class
    size: tuple[int, int] | None = None  # (height, width) if all images are raw pixels of one size
    channels: int | None = None  # if it is known before the images are decoded
    conditional: bool = False  # whether to train with labels if --conditional is not given
    shuffle_each_epoch: bool = True  # False: the items are in their final order
    has_test: bool = False  # whether it has both a train and a test split
    files: Sequence[str | Path] = ()  # what the items are read from; empty if there is nothing to decode


Finder = Callable[[Path, Config], Source | None]


def find(config: Config) -> Source:
    """Ask each finder in turn, and return the first source that is found for --dataset.

    Raises: UserError if no finder knows it, or if it cannot be read.
    """
    finders: tuple[Finder, ...] = (  # each takes data_dir/dataset; the first one that returns a source wins
        image_folder,  # 1. image files in the folder
        idx_files,  # 2. idx files in the folder; those of `mnist` are fetched if they are missing
        lmdb_archives,  # 3. LSUN's archives in the folder
        prepared_by_tfds,  # 4. what tensorflow-datasets has prepared in the folder, or under its own name
        fetched_by_tfds,  # 5. what tensorflow-datasets can fetch, but only if the folder has no files at all
    )
    folder = Path(config.data_dir) / config.dataset
    if folder.is_file():
        raise UserError(f"The data set {folder.absolute()} is a file, not a folder; unpack it into a folder first.")
    try:
        for finder in finders:
            if source := finder(folder, config):
                if config.hold_out and finder is not image_folder:
                    raise UserError(
                        f"--hold_out is for a folder of image files, but {source.location} is another kind of data"
                        " set; leave --hold_out out, and give --split train if the data set has a test part."
                    )
                return source
    except PermissionError as error:
        raise UserError(
            f"The folder {error.filename} cannot be read ({error.strerror}); make it readable, or give another"
            " --dataset."
        ) from error
    found = f"{folder.absolute()} has none" if folder.is_dir() else f"{folder.absolute()} does not exist"
    fitting = f" whose name fits {config.input_fname_pattern!r}" if config.input_fname_pattern else ""
    raise UserError(
        f"There is no data set {config.dataset!r}: it must be a folder of images{fitting} (or of idx files), or a name"
        f" that tensorflow-datasets knows, but {found}; put images there, or give another --dataset and --data_dir."
    )


def image_folder(folder: Path, config: Config) -> Source | None:
    """Find image files in the folder and its sub-folders.

    If every image is in a sub-folder, the names of the sub-folders directly in the folder are the classes.
    """
    files = find_image_files(folder, config.input_fname_pattern)
    if not files:
        return None
    classes = [file.split(os.sep)[0] if os.sep in file else None for file in files]
    names = () if None in classes else tuple(sorted(set(classes)))
    label_of = {name: label for label, name in enumerate(names)}
    label_of_file = {file: label_of.get(name, 0) for file, name in zip(files, classes, strict=True)}
    if config.hold_out:
        held_out = choose_held_out(files, config.hold_out)
        print(f"Held out:    {len(held_out):,} of {len(files):,} images (--hold_out {config.hold_out:g})")
        files = [file for file in files if (file in held_out) == (config.split == "test")]
    items = (Item(file, folder / file, label_of_file[file]) for file in files)
    location = str(folder.absolute())
    paths = [f"{location}{os.sep}{file}" for file in files]
    return Source(location, items, len(files), names, has_test=bool(config.hold_out), files=paths)


def choose_held_out(files: list[str], share: float) -> set[str]:
    """Choose about that share of the files, but at least one, and not all. Raises UserError if there is only one.

    The choice depends on a hash of the name, so a file that is held out stays so if others are added.
    """
    if len(files) < 2:
        raise UserError("--hold_out needs at least two images, but there is only one; add images.")
    hashes = {file: hashlib.sha256(PurePath(file).as_posix().encode()).digest() for file in files}
    count = sum(int.from_bytes(digest[:8], "big") < share * 2**64 for digest in hashes.values())
    return set(sorted(files, key=hashes.__getitem__)[: min(max(count, 1), len(files) - 1)])


def find_image_files(folder: Path, pattern: str) -> list[str]:
    """Return the paths of all image files in the folder and below, relative to the folder and sorted.

    Follow symbolic links, but enter no folder twice. Skip hidden files and folders. Print how many files of other
    kinds there are.

    Args:
      pattern: a glob pattern that the path must match, in upper or lower case; blank for every image file. With a
        pattern, files without an extension count as images too.
    """
    found, others, visited = [], Counter(), set()
    pattern_parts = PurePath(pattern.lower()).parts
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_raise_unless_missing):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        relative = os.path.relpath(parent, folder)
        prefix = "" if relative == os.curdir else relative + os.sep
        for name in files:  # perhaps millions, so a path is a str: a PurePath takes ten times as long
            path, suffix = prefix + name, os.path.splitext(name)[1].lower()
            if name.startswith(".") or not _ends_like(path, pattern_parts):
                continue
            if suffix in EXTENSIONS or (pattern and not suffix):
                found.append(path)
            else:
                others[suffix or "no extension"] += 1
    if found and others:
        kinds = ", ".join(f"{count} {printable(kind)}" for kind, count in others.most_common(5))
        print(f"Ignored:     files of other kinds: {kinds}")
    return sorted(found)


def _ends_like(path: str, pattern_parts: tuple[str, ...]) -> bool:
    """Return whether the last parts of the path match the parts of the pattern, as PurePath.match does."""
    if not pattern_parts:
        return True
    names = path.lower().split(os.sep)[-len(pattern_parts) :]
    return len(names) == len(pattern_parts) and all(map(fnmatch.fnmatchcase, names, pattern_parts))


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def printable(text: str) -> str:
    """Replace what a terminal cannot show, such as control characters in a file's name, by question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)


def idx_files(folder: Path, config: Config) -> Source | None:
    """Find idx files with images, and their labels. Shuffle them once, as the original's load_mnist (model.py) does."""
    if config.dataset == "mnist":
        mnist.ensure(folder)
    pattern = config.input_fname_pattern or "*"
    parts = idx.parts(folder, pattern, config.split)
    if not parts:
        return None
    arrays, labels = idx.read_parts(parts)
    images = list(chain.from_iterable(arrays))  # views: nothing is copied
    if labels is None:
        labels = np.zeros(len(images), np.int32)
        names = ()
    else:
        names = tuple(map(str, range(labels.max(initial=-1) + 1)))
    order = np.random.RandomState(config.seed).permutation(len(images))
    return Source(
        location=str(folder.absolute()),
        items=(Item(f"number {i}", images[i], int(labels[i])) for i in order),
        count=len(images),
        class_names=names,
        size=arrays[0].shape[1:3],
        channels=1 if arrays[0].ndim == 3 else None,
        conditional=bool(names),
        shuffle_each_epoch=False,
        has_test=len({idx.split_of(file.name) for file, _ in idx.parts(folder, pattern, "all")}) == 2,
    )


def lmdb_archives(folder: Path, config: Config) -> Source | None:
    """Find LSUN's unpacked archives in the folder; the folder itself can be one. Their categories are the classes."""
    found = lsun.find(folder)
    archives = [archive for archive in found if config.split in ("all", lsun.split_of(archive))]
    if not archives:
        return None
    names = tuple(sorted({lsun.category_of(archive) for archive in archives}))

    def items() -> Iterator[Item]:
        for archive in archives:
            label = names.index(lsun.category_of(archive))
            for key, image in lsun.examples(archive):
                yield Item(f"{archive.name}: {key}", image, label)

    has_test = len({lsun.split_of(archive) for archive in found}) == 2
    count, files = sum(map(lsun.count, archives)), [archive.absolute() / "data.mdb" for archive in archives]
    return Source(str(folder.absolute()), items(), count, names, has_test=has_test, files=files)


def prepared_by_tfds(folder: Path, config: Config) -> Source | None:
    """Find what tensorflow-datasets has prepared in the folder, or in data_dir under its own name for the data set."""
    for place in (folder, Path(config.data_dir) / tfds.name_of(config.dataset)):
        if version := tfds.newest(place):
            prepared = tfds.PreparedDataset(version, config.split)
            items = (Item(*example) for example in prepared.examples())
            location, has_test = str(version.absolute()), prepared.test_split is not None
            names, files = prepared.class_names, prepared.files
            return Source(location, items, prepared.count, names, has_test=has_test, files=files)
    return None


def fetched_by_tfds(folder: Path, config: Config) -> Source | None:
    """Let tensorflow-datasets fetch the data set into data_dir, unless the folder has files, even unusable ones."""
    if any(files for _, _, files in os.walk(folder)):
        return None
    prepared = tfds.fetch(tfds.name_of(config.dataset), config.data_dir)
    return prepared and prepared_by_tfds(prepared, config)
