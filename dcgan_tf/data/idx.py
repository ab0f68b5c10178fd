"""idx files, the format of MNIST: find, read and write them."""

from __future__ import annotations

import gzip
import zlib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from dcgan_tf.system.errors import UserError

Part = tuple[Path, Path | None]  # the files with the images and with their labels, such as those of MNIST's train set


def parse(data: bytes) -> np.ndarray:
    """Return the uint8 array, with any number of axes, in the bytes of an idx file.

    Raises: ValueError if the bytes are not a complete idx file of bytes.
    """
    offset, shape = _parse_header(data[:4], data[4 : 4 + 4 * 255])
    if len(data) != offset + int(np.prod(shape, dtype=object)):
        raise ValueError(f"its header announces the shape {shape}, but {len(data) - offset} bytes follow")
    return np.frombuffer(data, np.uint8, offset=offset).reshape(shape)


def _parse_header(magic: bytes, sizes: bytes) -> tuple[int, list[int]]:
    """Return the offset of the values and their shape. Raises ValueError."""
    if len(magic) < 4 or magic[:3] != b"\0\0\x08":
        raise ValueError("it does not begin like an idx file of bytes")
    return 4 + 4 * magic[3], [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * magic[3], 4)]


def encode(array: np.ndarray) -> bytes:
    """Return the bytes of an idx file with the uint8 array."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def read(file: Path) -> np.ndarray:
    """Read an idx file, plain or .gz.

    Raises: UserError if the file is damaged.
    """
    try:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rb") as stream:
            magic = stream.read(4)
            axes = magic[3] if len(magic) == 4 else 0
            sizes = stream.read(4 * axes)
            _, shape = _parse_header(magic, sizes)
            # One byte more shows that the file is too long; the rest of a huge one is not read.
            return parse(magic + sizes + stream.read(int(np.prod(shape, dtype=object)) + 1))
    except (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise UserError(f"The file {file.absolute()} is damaged ({error}); remove it, and fetch it again.") from error


def standard_name(name: str) -> str:
    """Return the file name as MNIST's authors write it; some archives hold t10k-images.idx3-ubyte.gz."""
    return name.removesuffix(".gz").replace(".idx", "-idx")


def find(folder: Path, name: str) -> Path | None:
    """Return the idx file with that standard name, plain or .gz, or None if the folder has none."""
    for written in (name, name.replace("-idx", ".idx")):
        for file in (folder / written, folder / f"{written}.gz"):
            if file.is_file():
                return file
    return None


def split_of(name: str) -> str:
    """Return the split that a file name stands for: train or test."""
    if "train" in name:
        return "train"
    return "test"


def parts(folder: Path, pattern: str, split: str) -> list[Part]:
    """Return the parts of the data set in the folder, train first.

    Args:
      pattern: a glob pattern for the names of the files with images, in upper or lower case.
      split: all, train, or test, which is every part that is not train.
    Returns: (file with images, file with labels) for each part; no labels unless all parts have them.
    """
    found = {}
    for file in sorted(folder.glob("*images[-.]idx[34]-ubyte*")):
        name = standard_name(file.name)
        chosen = fnmatch(file.name.lower(), pattern.lower()) and split in ("all", split_of(name))
        if chosen and file == find(folder, name):  # find picks one if the file exists both plain and .gz
            found[name] = file, find(folder, name.rsplit("images", 1)[0] + "labels-idx1-ubyte")
    ordered = [found[name] for name in sorted(found, key=lambda name: ("train" not in name, name))]
    if all(labels for _, labels in ordered):
        return ordered
    return [(images, None) for images, _ in ordered]


def read_parts(parts: list[Part]) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Read all parts of a data set.

    Returns: the images of each part, uint8 [N, H, W] or [N, H, W, 3], and the labels of all parts together, int32,
      or None if there are none.
    Raises: UserError if the parts do not fit together, or a file is damaged.
    """
    folder = parts[0][0].parent.absolute()
    images = [read(file) for file, _ in parts]
    labels = [read(file) for _, file in parts if file]
    image_shapes = {array.shape[1:] for array in images}
    height_width = images[0].shape[1:3]
    channels = images[0].shape[3:]
    if len(image_shapes) > 1 or len(height_width) < 2 or 0 in height_width or channels not in ((), (3,)):
        shapes = ", ".join(f"{file.name} {array.shape}" for (file, _), array in zip(parts, images, strict=True))
        raise UserError(
            f"The idx files in {folder} must hold images of one size, gray or with 3 channels, but have the shapes"
            f" {shapes}; choose among them with --input_fname_pattern."
        )
    if not labels:
        return images, None
    if [len(array) for array in labels] != [len(array) for array in images]:
        raise UserError(f"The idx files in {folder} do not have one label for each image; fetch these files again.")
    return images, np.concatenate(labels).astype(np.int32)


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
