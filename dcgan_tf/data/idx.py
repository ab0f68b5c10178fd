"""idx files, the format of MNIST: find, read and write them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np

from dcgan_tf.data.sources import Item, Source, choose, fits
from dcgan_tf.download import mnist
from dcgan_tf.download.mnist import encode as encode  # for those who write idx files
from dcgan_tf.download.mnist import standard_name as standard_name
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError, reason

# No other name is read, such as that of a copy, or of a file that is being written, which begins with a dot
NAME = re.compile(r"((?:[^.].*)?)(images|labels)[-.]idx\d-[a-z]+(\.gz)?")
TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4"}  # of integers, as NumPy calls them


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
        of_run = map(int, filter(str.isdecimal, config.class_names))  # these images may lack some of its classes
        used = [*labels[labels >= 0].tolist(), *of_run]
        # The smallest label can be above 0, as 1 of EMNIST's letters
        classes = range(min(used, default=0), max(used, default=-1) + 1)
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
    """Read an idx file of integers, plain or packed by gzip, whatever its name.

    Returns: a read-only array with the axes and the type of number that the file has, e.g. uint8 [N, 28, 28].
    Raises: UserError if it cannot be read, or is damaged.
    """
    try:
        content = file.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        if content[:2] != b"\0\0" or content[2] not in TYPES or not content[3]:
            raise ValueError("it does not begin like an idx file of integers")
        axes = content[3]
        shape = np.frombuffer(content, ">u4", axes, offset=4).tolist()
        return np.frombuffer(content, TYPES[content[2]], offset=4 + 4 * axes).reshape(shape)
    except Exception as error:  # gzip and NumPy raise many kinds of exceptions for damaged files
        raise UserError(
            f"The file {file} cannot be read ({reason(error)}); if it is damaged, remove it, and fetch it again."
        ) from error


def parts(folder: Path, pattern: str) -> dict[tuple[Path, Path | None], str]:
    """Return the parts of the data set in the folder, train first: files of images and of labels; train or test.

    Args:
      pattern: what the names of the files with images must fit.
    """
    files = {}  # by their kind, images or labels, and by what is before that in their names
    for file in sorted(folder.glob("*"), key=lambda file: (file.suffix != ".gz", file)):
        name = NAME.fullmatch(file.name)
        if name and file.is_file():
            files[name[2], name[1]] = file  # of one that is there plain and .gz, the plain one
    found = {}
    for kind, before in sorted(files, key=lambda key: ("train" not in key[1], key)):
        images = files[kind, before]
        if kind == "images" and fits(pattern)(images.name):
            found[images, files.get(("labels", before))] = ("test", "train")["train" in before]
    return found


def read_parts(parts: list[tuple[Path, Path | None]]) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the parts of a data set.

    Returns: all images, uint8 [N, H, W] or [N, H, W, 3], and their labels, int32 [N], or None unless all have labels.
    Raises: UserError if the parts do not fit together, or a file is damaged.
    """
    folder = parts[0][0].parent
    images = [read(file) for file, _ in parts]
    shape = images[0].shape[1:]
    one_kind = all(array.shape[1:] == shape and array.dtype == np.uint8 for array in images)
    if not one_kind or len(shape) < 2 or 0 in shape or shape[2:] not in ((), (3,)):
        raise UserError(
            f"The idx files in {folder} must hold images of bytes, of one size, gray or with 3 channels, but have the"
            f" shapes {[array.shape for array in images]}; choose among them with --input_fname_pattern."
        )
    labels = [read(file) for _, file in parts if file]
    if len(labels) < len(parts):
        return np.concatenate(images), None
    if [len(array) for array in labels] != [len(array) for array in images]:
        raise UserError(f"The idx files in {folder} do not have one label for each image; fetch these files again.")
    classes = [np.atleast_2d(array.T)[0] for array in labels]  # QMNIST has eight numbers, the class is the first
    return np.concatenate(images), np.concatenate(classes).astype(np.int32)
