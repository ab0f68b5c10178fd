"""Find a data set: a folder of images, idx files, LSUN's LMDB archives, or tensorflow-datasets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from dcgan_tf.data import idx, lsun, mnist, tfds
from dcgan_tf.data.image_folder import (
    Layout,
    choose_held_out,
    find_image_files,
    layout_of,
    left_out,
    warn_left_out,
)
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, counted, printable
from dcgan_tf.system.messages import report


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
    is_part: bool = False  # whether these are not all images
    files: Sequence[str | Path] = ()  # what the items are read from; empty if there is nothing to decode


Part = TypeVar("Part")
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
    found = f"{folder.absolute()} does not exist"
    if folder.is_dir():
        found = f"{folder.absolute()} has none"
        unused = left_out(find_image_files(folder, config.input_fname_pattern))
        inside = [path.name for path in sorted(folder.glob("[!.]*")) if idx.parts(path, "*")]
        if inside:
            found = f"{folder.absolute()} has idx files in a sub-folder: give --dataset {config.dataset}/{inside[0]}"
        elif unused:
            found = f"{found}, but {', and '.join(unused)}"
    fitting = ""
    if config.input_fname_pattern:
        fitting = f" whose name fits {config.input_fname_pattern!r}"
    raise UserError(
        f"There is no data set {config.dataset!r}: it must be a folder of images{fitting} (or of idx files), or a name"
        f" that tensorflow-datasets knows, but {found}; put images there, or give another --dataset and --data_dir."
    )


def choose(parts: Mapping[Part, str], split: str) -> tuple[list[Part], bool]:
    """Return the parts of a data set that a split names, and whether there are both train and test; else all parts.

    Args:
      parts: train or test, for each part.
      split: all, train or test.
    """
    has_test = set(parts.values()) == {"train", "test"}
    if not has_test or split == "all":
        return list(parts), has_test
    return [part for part, name in parts.items() if name == split], has_test


def image_folder(folder: Path, config: Config) -> Source | None:
    """Find image files in the folder and its sub-folders, which may be splits and classes."""
    found = find_image_files(folder, config.input_fname_pattern)
    warn_left_out(found)
    files = found.files
    if not files:
        return None
    for text in left_out(found):
        report("Ignored", text)
    layout = layout_of(files)
    say_layout(layout, config.conditional)
    chosen = files
    has_test = bool(config.hold_out or layout.splits)
    if layout.splits and config.split != "all":
        chosen = [file for file in files if layout.splits[file] == config.split]
        if config.conditional and layout.outside and not set(chosen) & set(layout.outside):
            report("Hint", "the other part has images without a class, and is not used.")
            layout = layout_of(chosen)._replace(splits=layout.splits)
            has_test = False
    if layout.outside and config.conditional:
        images = counted(len(layout.outside), "image")
        raise UserError(
            f"A training with labels needs a class for every image, but of those in {folder}, {images} lie in no"
            f" sub-folder, such as {printable(layout.outside[0])}; move or remove them, or leave out --conditional, and"
            " a run with classes that the training begins with."
        )
    if layout.splits and config.hold_out:
        raise UserError(
            f"--hold_out is for a folder without a test part, but {folder} has one; leave --hold_out out, and give"
            " --split train."
        )
    if config.hold_out:
        held_out = choose_held_out(files, config.hold_out)
        report("Held out", f"{len(held_out):,} of {len(files):,} images (--hold_out {config.hold_out:g})")
        chosen = [file for file in files if (file in held_out) == (config.split == "test")]
    location = str(folder.absolute())
    return Source(
        location=location,
        items=(Item(file, folder / file, layout.labels[file]) for file in chosen),
        count=len(chosen),
        class_names=layout.class_names,
        has_test=has_test,
        is_part=len(chosen) < len(files),
        files=[f"{location}{os.sep}{file}" for file in chosen],
    )


def say_layout(layout: Layout, conditional: bool | None) -> None:
    """Say what was understood of the sub-folders."""
    if layout.splits:
        counts = Counter(layout.splits.values())
        report("Split", f"train {counts['train']:,}, test {counts['test']:,} (--split chooses; all by default)")
    if len(layout.class_names) > 1 and not conditional:
        names = ", ".join(map(printable, layout.class_names[:5]))
        more = ", ..." if len(layout.class_names) > 5 else ""
        report("Hint", f"the {len(layout.class_names)} sub-folders ({names}{more}) can be classes: --conditional.")


def idx_files(folder: Path, config: Config) -> Source | None:
    """Find idx files with images, and their labels. Shuffle them once, as the original's load_mnist (model.py) does."""
    if os.path.normpath(config.dataset).lower() == "mnist":  # also mnist/, as a shell completes it, and MNIST
        mnist.ensure(folder)
    parts = idx.parts(folder, config.input_fname_pattern or "*")
    if not parts:
        return None
    parts, has_test = choose({part: part.split for part in parts}, config.split)
    images, labels = idx.read_parts(parts)
    names: tuple[str, ...] = ()
    if labels is None:
        labels = np.zeros(len(images), np.int32)
    else:
        classes = idx.classes_of(labels, config.class_names)
        names = tuple(map(str, classes))
        labels = labels - classes.start
    if any(part.images.name.startswith("emnist-") for part in parts):
        report("Hint", "the images in EMNIST's files lie on their side; docs/data.md tells how to turn them.")
    order = np.random.RandomState(config.seed).permutation(len(images))
    return Source(
        location=str(folder.absolute()),
        items=(Item(f"number {i}", images[i], int(labels[i])) for i in order),
        count=len(images),
        class_names=names,
        size=images.shape[1:3],
        channels=1 if images.ndim == 3 else None,
        conditional=bool(names),
        shuffle_each_epoch=False,
        has_test=has_test,
    )


def lmdb_archives(folder: Path, config: Config) -> Source | None:
    """Find LSUN's unpacked archives in the folder; the folder itself can be one. Their categories are the classes."""
    archives, has_test = choose({archive: lsun.split_of(archive) for archive in lsun.find(folder)}, config.split)
    if not archives:
        return None
    names = tuple(sorted({lsun.category_of(archive) for archive in archives}))

    def items() -> Iterator[Item]:
        for archive in archives:
            label = names.index(lsun.category_of(archive))
            for key, image in lsun.examples(archive):
                yield Item(f"{archive.name}: {key}", image, label)

    return Source(
        location=str(folder.absolute()),
        items=items(),
        count=sum(map(lsun.count, archives)),
        class_names=names,
        has_test=has_test,
        files=[archive.absolute() / "data.mdb" for archive in archives],
    )


def prepared_by_tfds(folder: Path, config: Config) -> Source | None:
    """Find what tensorflow-datasets has prepared in the folder, or in data_dir under its own name for the data set."""
    for place in (folder, Path(config.data_dir) / tfds.name_of(config.dataset)):
        version = tfds.newest(place)
        if version:
            prepared = tfds.PreparedDataset(version, config.split)
            return Source(
                location=str(version.absolute()),
                items=(Item(*example) for example in prepared.examples()),
                count=prepared.count,
                class_names=prepared.class_names,
                has_test=prepared.test_split is not None,
                files=prepared.files,
            )
    return None


def fetched_by_tfds(folder: Path, config: Config) -> Source | None:
    """Let tensorflow-datasets fetch the data set into data_dir, unless the folder has files, even unusable ones."""
    if any(path.is_file() and not tfds.is_left(path, folder) for path in folder.rglob("*")):
        return None
    prepared = tfds.fetch(tfds.name_of(config.dataset), config.data_dir)
    if prepared is None:
        return None
    return prepared_by_tfds(prepared, config)
