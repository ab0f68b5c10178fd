"""Downloads from a real HTTP server that breaks off, lies, or is not there; archives given by hand."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from dcgan_tf.data import download, idx, mnist
from dcgan_tf.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Host(http.server.BaseHTTPRequestHandler):
    """/whole, /breaks (ends after a third of what it promised), /wrong, /page; with ranges but for /no-ranges."""

    asked: list[str] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.asked.append(f"{self.path} {wanted}".strip())
        start = int(wanted[6:-1]) if wanted and self.path != "/no-ranges" else 0
        body = CONTENT[::-1] if self.path == "/wrong" else CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Type", "text/html" if self.path == "/page" else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 3] if self.path == "/breaks" else body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Host.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def archive(*urls: str) -> download.Archive:
    return download.Archive("some.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)


def test_goes_on_at_the_next_mirror_where_the_first_broke_off(host, tmp_path):
    download.fetch_archive(archive(f"{host}/page", f"{host}/breaks", f"{host}/whole"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert Host.asked == ["/page", "/breaks", "/whole bytes=1000000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_goes_on_at_another_call(host, tmp_path):
    with pytest.raises(UserError, match="ended after 1,000,000 of 3,000,000 bytes.*run the same command later"):
        download.fetch_archive(archive(f"{host}/breaks"), tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == [".a.zip.part"]
    download.fetch_archive(archive(f"{host}/whole"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and Host.asked[-1] == "/whole bytes=1000000-"


def test_a_host_without_ranges_sends_it_all_again(host, tmp_path):
    (tmp_path / ".a.zip.part").write_bytes(CONTENT[:500])
    download.fetch_archive(archive(f"{host}/no-ranges"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_what_has_another_digest_is_thrown_away(host, tmp_path):
    with pytest.raises(UserError, match=r"its digest is wrong.*by hand and give it with --from-file\.$"):
        download.fetch_archive(archive(f"{host}/wrong"), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def command(*args: object) -> subprocess.CompletedProcess:
    line = [sys.executable, "-W", "error", "-m", "dcgan_tf.download", *map(str, args)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)


def fails(*args: object, says: str) -> None:
    done = command(*args)
    assert done.returncode == 1 and says in done.stderr, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: ") and last.endswith(".") and "Traceback" not in done.stderr


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file


def test_celeba_from_a_file(tmp_path, images_dir):
    picture = (images_dir / "blobs" / "00.jpg").read_bytes()
    file = zipped(tmp_path / "hand.zip", {f"img_align_celeba/{i:06}.jpg": picture for i in range(5)})
    done = command("celebA", "--data_dir", tmp_path / "data", "--from-file", file)
    assert done.returncode == 0 and "5 images, not 202,599" in done.stdout, done
    names = sorted(path.name for path in (tmp_path / "data" / "celebA").iterdir())
    assert names == [f"{i:06}.jpg" for i in range(5)] and file.exists()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["celebA"]
    assert "exists already" in command("celebA", "--data_dir", tmp_path / "data").stdout
    with Image.open(tmp_path / "data" / "celebA" / "000000.jpg") as read_back:
        assert read_back.size == (40, 36)


def test_archives_that_are_not_sound_leave_nothing(tmp_path):
    data = tmp_path / "data"
    climbs = zipped(tmp_path / "climbs.zip", {"a/1.jpg": b"1", "../../outside.jpg": b"2"})
    damaged = zipped(tmp_path / "damaged.zip", {"a/1.jpg": CONTENT[:5000], "a/2.jpg": b"2"})
    damaged.write_bytes(damaged.read_bytes().replace(CONTENT[100:200], bytes(100)))
    empty = zipped(tmp_path / "empty.zip", {"readme.txt": b"no pictures"})
    (tmp_path / "text.zip").write_text("no archive")
    for file, says in (
        (climbs, "points outside the folder"),
        (damaged, "Bad CRC-32"),
        (empty, "exactly one folder in it should have"),
    ):
        with pytest.raises(UserError, match=says):
            download.fetch_celeba(data, file)
        assert list(data.iterdir()) == [] and not (tmp_path / "outside.jpg").exists()
    fails("celebA", "--data_dir", data, "--from-file", tmp_path / "text.zip", says="must be a ZIP archive")
    fails("celebA", "mnist", "--data_dir", data, "--from-file", empty, says="name one data set")
    with pytest.raises(UserError, match="one data.mdb"):
        download.fetch_lsun(data, empty)
    assert not any(path.is_file() for path in data.rglob("*"))


def test_lsun_from_a_file(tmp_path):
    file = zipped(tmp_path / "tower_val_lmdb.zip", {"tower_val_lmdb/data.mdb": b"x", "tower_val_lmdb/lock.mdb": b""})
    download.fetch_lsun(tmp_path, file)
    assert (tmp_path / "lsun" / "tower_val_lmdb" / "data.mdb").read_bytes() == b"x"
    assert [path.name for path in (tmp_path / "lsun").iterdir()] == ["tower_val_lmdb"]


def test_nothing_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    fails("celebA", "--data_dir", tmp_path, says="fetch https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/")
    fails("lsun", "--data_dir", tmp_path, says="fetch http://dl.yf.io/lsun/scenes/bedroom_val_lmdb.zip by hand")
    assert not (tmp_path / "celebA").exists() and not any(path.is_file() for path in tmp_path.rglob("*"))


def test_mnist_from_a_file(tmp_path, mnist_dir):
    raw = {name: (mnist_dir / "mnist" / name).read_bytes() for name in mnist.MNIST}
    odd = {f"MNIST/raw/{name.replace('-idx', '.idx')}.gz": gzip.compress(raw[name], 1) for name in raw}
    mnist.ensure(tmp_path / "mnist", zipped(tmp_path / "m.zip", odd))
    assert {name: (tmp_path / "mnist" / name).read_bytes() for name in raw} == raw
    mnist.ensure(tmp_path / "mnist", tmp_path / "nothing is read when all is there")

    other = idx.encode(np.zeros((60000, 28, 28), np.uint8))
    wrong = zipped(tmp_path / "wrong.zip", {**raw, "train-images-idx3-ubyte": other})
    with pytest.raises(UserError, match="does not have MNIST's digest"):
        mnist.ensure(tmp_path / "no", wrong)
    assert not (tmp_path / "no").exists()
