"""Find a data set: a folder of images, idx files, LSUN's LMDB archives, or tensorflow-datasets."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from dcgan_tf.data import idx, lsun, tfds
from dcgan_tf.data.image_folder import choose_held_out, find_image_files, layout_of
from dcgan_tf.download import mnist
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError, counted, listed, printable
from dcgan_tf.system.messages import report, warn


class Item(NamedTuple):
    """One image that is not yet decoded."""

    name: str  # for messages
    data: Path | bytes | np.ndarray  # its file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3]
    label: int  # 0 if there are no classes


@dataclass(frozen=True)
class Source:
    """All images of a data set, not yet decoded, or as arrays."""

    location: str  # for messages
    items: Iterable[Item]
    count: int
    class_names: tuple[str, ...] = ()  # empty unless every image has a class
    has_test: bool = False  # whether it has both a train and a test split
    is_part: bool = False  # whether this is one of two splits, of which the other is of no use
    files: Sequence[str | Path] = ()  # what the items are decoded from
    # Of idx files: all images, uint8 [N, H, W] or [N, H, W, 3], and labels, int32 [N], shuffled once and for all
    arrays: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of an image, (height, width) or (height, width, 3), if it is known before it is decoded."""
        return self.arrays and self.arrays[0].shape[1:]

    @property
    def like_mnist(self) -> bool:
        """Whether the labels come as MNIST's, in idx files; then a training uses them if nothing else is asked for."""
        return self.arrays is not None and bool(self.class_names)


Part = TypeVar("Part")
Finder = Callable[[Path, Asked], Source | None]


def find(config: Asked) -> Source:
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
        inside = [path.name for path in sorted(folder.glob("[!.]*")) if idx.parts(path, "*")]
        unused = list(find_image_files(folder, config.input_fname_pattern).left_out())
        if inside:
            unused = [f"idx files in a sub-folder: give --dataset {config.dataset}/{inside[0]}"]
        found = ", but ".join([f"{folder.absolute()} has none", *unused])
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


def image_folder(folder: Path, config: Asked) -> Source | None:
    """Find image files in the folder and its sub-folders, which may be splits and classes."""
    if not folder.is_dir():
        return None
    found = find_image_files(folder, config.input_fname_pattern)
    if not found.files:
        return None
    for text, is_serious in found.left_out().items():
        if is_serious:
            warn(f"left out: {text}.")
        else:
            report("Ignored", text)
    layout = layout_of(found.files)
    split = config.split
    splits = layout.splits or dict.fromkeys(found.files, "train")
    how = "--split chooses; all by default"
    if config.hold_out:
        if layout.splits:
            raise UserError(
                f"--hold_out is for a folder without a test part, but {folder} has one; leave --hold_out out, and give"
                " --split train."
            )
        splits |= dict.fromkeys(choose_held_out(found.files, config.hold_out), "test")
        how = f"--hold_out {config.hold_out:g}"
        if split == "all":
            split = "train"
    files, has_test = choose(splits, split)
    if has_test:
        counts = Counter(splits.values())
        report("Split", f"train {counts['train']:,}, test {counts['test']:,} ({how})")
    if len(layout.class_names) > 1 and not config.conditional:
        names = listed(layout.class_names, 5)
        report("Hint", f"the {len(layout.class_names)} sub-folders ({names}) can be classes: --conditional.")
    is_part = False
    if config.conditional and layout.outside:
        is_part = bool(layout.splits) and not set(files) & set(layout.outside)
        if not is_part:
            images = counted(len(layout.outside), "image")
            raise UserError(
                f"A training with labels needs a class for every image, but of those in {folder}, {images} lie in no"
                f" sub-folder, such as {printable(layout.outside[0])}; move or remove them, or leave out --conditional,"
                " and a run with classes that the training begins with."
            )
        report("Hint", "the other part has images without a class, and is not used.")
        layout = layout_of(files)
    location = str(folder.absolute())
    return Source(
        location=location,
        items=(Item(file, folder / file, layout.labels[file]) for file in files),
        count=len(files),
        class_names=layout.class_names,
        has_test=has_test and not is_part,
        is_part=is_part,
        files=[f"{location}{os.sep}{file}" for file in files],
    )


def idx_files(folder: Path, config: Asked) -> Source | None:
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
    images = images[order]
    labels = labels[order]
    return Source(
        location=str(folder.absolute()),
        items=(Item(f"number {i}", image, label) for i, image, label in zip(order, images, labels, strict=True)),
        count=len(images),
        class_names=names,
        has_test=has_test,
        arrays=(images, labels),
    )


def lmdb_archives(folder: Path, config: Asked) -> Source | None:
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


def prepared_by_tfds(folder: Path, config: Asked) -> Source | None:
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


def fetched_by_tfds(folder: Path, config: Asked) -> Source | None:
    """Let tensorflow-datasets fetch the data set into data_dir, unless the folder has files, even unusable ones."""
    if any(path.is_file() and not tfds.is_left(path, folder) for path in folder.rglob("*")):
        return None
    prepared = tfds.fetch(tfds.name_of(config.dataset), config.data_dir)
    if prepared is None:
        return None
    return prepared_by_tfds(prepared, config)
