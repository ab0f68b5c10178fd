"""idx files, the format of MNIST: find, read and write them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan_tf.data.sources import Item, Source, choose, fits
from dcgan_tf.download import mnist
from dcgan_tf.download.mnist import encode as encode  # for those who write idx files
from dcgan_tf.download.mnist import standard_name
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError

# No other name is read, such as that of a copy, or of a file that is being written, which begins with a dot
NAME = re.compile(r"([^.].*)?(images[-.]idx[34]|labels[-.]idx1)-ubyte(\.gz)?")


class Part(NamedTuple):
    """A part of a data set, such as MNIST's train set."""

    images: Path
    labels: Path | None


def find(folder: Path, config: Asked) -> Source | None:
    """Find idx files with images, and their labels. Shuffle them once, as the original's load_mnist (model.py) does.

    Raises: UserError if they are damaged, or do not fit together.
    """
    if folder.name.lower() == "mnist":
        mnist.ensure(folder)
    found, has_test = choose(parts(folder, config.input_fname_pattern), config.split)
    if not found:
        return None
    images, labels = read_parts(found)
    classes = range(0)
    if labels is None:
        labels = np.zeros(len(images), np.int32)
    else:
        classes = classes_of(labels, config.class_names)
        labels = labels - classes.start
    order = np.random.RandomState(config.seed).permutation(len(images))
    return Source(
        location=str(folder),
        items=(Item(f"number {i}", images[i], labels[i]) for i in order),
        count=len(images),
        class_names=tuple(map(str, classes)),
        has_test=has_test,
        arrays=(images[order], labels[order]),
    )


def read(file: Path) -> np.ndarray:
    """Read an idx file, plain or .gz: a uint8 array with any number of axes.

    Raises: UserError if the file is damaged.
    """
    try:
        content = file.read_bytes()
        if file.suffix == ".gz":
            content = gzip.decompress(content)
        if content[:3] != b"\0\0\x08":
            raise ValueError("it does not begin like an idx file of bytes")
        axes = content[3]
        shape = np.frombuffer(content, ">u4", axes, offset=4).tolist()
        return np.frombuffer(content, np.uint8)[4 + 4 * axes :].reshape(shape)
    except Exception as error:  # gzip and NumPy raise many kinds of exceptions for damaged files
        raise UserError(f"The file {file} is damaged ({error}); remove it, and fetch it again.") from error


def parts(folder: Path, pattern: str) -> dict[Part, str]:
    """Return the parts of the data set in the folder, train first, and for each whether it is train or test.

    Args:
      pattern: what the names of the files with images must fit.
    """
    files = {}  # by their standard names; one that is there plain and .gz is the plain one
    for file in sorted(folder.glob("*"), key=lambda file: (file.suffix != ".gz", file)):
        if NAME.fullmatch(file.name) and file.is_file():
            files[standard_name(file.name)] = file
    found = {}
    for name in sorted(files, key=lambda name: ("train" not in name, name)):
        kind, is_images, _ = name.rpartition("images-")
        if is_images and fits(pattern)(files[name].name):
            part = Part(files[name], files.get(f"{kind}labels-idx1-ubyte"))
            found[part] = "test"
            if "train" in name:
                found[part] = "train"
    return found


def read_parts(parts: list[Part]) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the parts of a data set.

    Returns: all images, uint8 [N, H, W] or [N, H, W, 3], and their labels, int32 [N], or None unless all have labels.
    Raises: UserError if the parts do not fit together, or a file is damaged.
    """
    folder = parts[0].images.parent
    images = [read(part.images) for part in parts]
    shape = images[0].shape[1:]
    one_size = all(array.shape[1:] == shape for array in images)
    if not one_size or len(shape) < 2 or 0 in shape or shape[2:] not in ((), (3,)):
        shapes = ", ".join(f"{part.images.name} {array.shape}" for part, array in zip(parts, images, strict=True))
        raise UserError(
            f"The idx files in {folder} must hold images of one size, gray or with 3 channels, but have the shapes"
            f" {shapes}; choose among them with --input_fname_pattern."
        )
    labels = [read(part.labels) for part in parts if part.labels]
    if len(labels) < len(parts):
        return np.concatenate(images), None
    if [len(array) for array in labels] != [len(array) for array in images]:
        raise UserError(f"The idx files in {folder} do not have one label for each image; fetch these files again.")
    return np.concatenate(images), np.concatenate(labels).astype(np.int32)


def classes_of(labels: np.ndarray, class_names: tuple[str, ...]) -> range:
    """Return the labels that are classes: from the smallest one, as 1 of EMNIST's letters, to the largest.

    Args:
      class_names: those of the run that uses the images, of which these images may lack some; none for a new run.
    """
    known = [int(name) for name in class_names if name.isdecimal()]
    first = min([int(labels.min(initial=255)), *known])
    last = max([int(labels.max(initial=-1)), *known])
    return range(first, last + 1)
