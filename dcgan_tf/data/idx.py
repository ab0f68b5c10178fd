"""idx files, the format of MNIST: find, read and write them."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan_tf.download.mnist import encode as encode  # for those who write idx files
from dcgan_tf.download.mnist import standard_name
from dcgan_tf.system.errors import UserError

# No other name is read, such as that of a copy, or of a file that is being written, which begins with a dot
NAME = re.compile(r"([^.].*)?(images[-.]idx[34]|labels[-.]idx1)-ubyte(\.gz)?")


class Part(NamedTuple):
    """A part of a data set, such as MNIST's train set."""

    images: Path
    labels: Path | None
    split: str  # train or test


def read(file: Path) -> np.ndarray:
    """Read an idx file, plain or .gz: a uint8 array with any number of axes.

    Raises: UserError if the file is damaged.
    """
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rb") as stream:
            magic = stream.read(4)
            if len(magic) < 4 or magic[:3] != b"\0\0\x08":
                raise ValueError("it does not begin like an idx file of bytes")
            shape = np.frombuffer(stream.read(4 * magic[3]), ">u4").tolist()
            size = math.prod(shape)
            values = stream.read(size + 1)  # not the rest of a huge file
        if len(shape) != magic[3] or len(values) != size:
            raise ValueError(f"its header announces the shape {shape}, but {len(values)} bytes follow")
        return np.frombuffer(values, np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise UserError(f"The file {file.absolute()} is damaged ({error}); remove it, and fetch it again.") from error


def find(folder: Path) -> dict[str, Path]:
    """Return the idx files in the folder by their standard names; one that is there plain and .gz is the plain one."""
    files = [file for file in folder.glob("*") if NAME.fullmatch(file.name) and file.is_file()]
    return {standard_name(file.name): file for file in sorted(files, key=lambda file: (file.suffix != ".gz", file))}


def parts(folder: Path, pattern: str) -> list[Part]:
    """Return the parts of the data set in the folder, train first.

    Args:
      pattern: a glob pattern for the names of the files with images, in upper or lower case.
    """
    files = find(folder)
    found = []
    for name in sorted(files, key=lambda name: ("train" not in name, name)):
        kind, is_images, _ = name.rpartition("images-")
        if is_images and fnmatch(files[name].name.lower(), pattern.lower()):
            split = "test"
            if "train" in name:
                split = "train"
            found.append(Part(files[name], files.get(f"{kind}labels-idx1-ubyte"), split))
    return found


def read_parts(parts: list[Part]) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the parts of a data set.

    Returns: all images, uint8 [N, H, W] or [N, H, W, 3], and their labels, int32 [N], or None unless all have labels.
    Raises: UserError if the parts do not fit together, or a file is damaged.
    """
    folder = parts[0].images.parent.absolute()
    images = [read(part.images) for part in parts]
    shape = images[0].shape[1:]
    if any(array.shape[1:] != shape for array in images) or len(shape) < 2 or 0 in shape or shape[2:] not in ((), (3,)):
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
    first = int(labels.min(initial=255))
    last = int(labels.max(initial=-1))
    if class_names and class_names[0].isdecimal() and class_names[-1].isdecimal():
        first = min(int(class_names[0]), first)
        last = max(int(class_names[-1]), last)
    return range(first, last + 1)
