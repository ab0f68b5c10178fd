"""idx files, MNIST's format: find, read, write."""

from __future__ import annotations

import gzip
import zlib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from dcgan_tf.errors import UserError


def parse(data: bytes) -> np.ndarray:
    """The array in an idx file: big-endian header, uint8 values, any number of axes. Raises ValueError."""
    offset, shape = _header(data[:4], data[4 : 4 + 4 * 255])
    if len(data) != offset + int(np.prod(shape, dtype=object)):
        raise ValueError(f"its header promises {shape} values, and {len(data) - offset} bytes follow")
    return np.frombuffer(data, np.uint8, offset=offset).reshape(shape)


def _header(magic: bytes, rest: bytes) -> tuple[int, list[int]]:
    """Where the values begin, and their shape."""
    if len(magic) < 4 or magic[:3] != b"\0\0\x08":
        raise ValueError("it does not begin as an idx file of bytes")
    return 4 + 4 * magic[3], [int.from_bytes(rest[i : i + 4], "big") for i in range(0, 4 * magic[3], 4)]


def encode(array: np.ndarray) -> bytes:
    """The idx file of a uint8 array."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def find(folder: Path, name: str) -> Path | None:
    """The idx file of that name, plain or .gz, if it is there; some archives write t10k-images.idx3-ubyte."""
    names = (name, name.replace("-idx", ".idx"))
    return next((f for n in names for f in (folder / n, folder / f"{n}.gz") if f.is_file()), None)


def parts(folder: Path, pattern: str, split: str) -> list[tuple[Path, Path | None]]:
    """(pictures, labels or None) of each part in the folder whose name fits, train first; split test: all but train.

    Labels count only if every part has them.
    """
    found = {}
    for file in sorted(folder.glob("*images[-.]idx[34]-ubyte*")):
        name = file.name.removesuffix(".gz").replace(".idx", "-idx")
        chosen = fnmatch(file.name.lower(), pattern.lower()) and split in ("all", split_of(name))
        if chosen and file == find(folder, name):
            found[name] = file, find(folder, name.rsplit("images", 1)[0] + "labels-idx1-ubyte")
    ordered = [found[name] for name in sorted(found, key=lambda name: ("train" not in name, name))]
    return ordered if all(labels for _, labels in ordered) else [(images, None) for images, _ in ordered]


def split_of(name: str) -> str:
    """The split that a part's name tells: train or test."""
    return "train" if "train" in name else "test"


def read(file: Path) -> np.ndarray:
    """Read an idx file, plain or .gz, and no more of it than its header promises. Raises UserError if damaged."""
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            magic = stream.read(4)
            rest = stream.read(4 * magic[3] if len(magic) == 4 else 0)
            _, shape = _header(magic, rest)
            return parse(magic + rest + stream.read(int(np.prod(shape, dtype=object)) + 1))
    except (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error) as error:
        raise UserError(f"The file {file.absolute()} is damaged ({error}); remove it, and fetch it again.") from error
