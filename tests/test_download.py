"""Downloads from a real HTTP server that closes the connection, sends wrong files, or does not answer; --from-file."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from dcgan_tf.data import idx
from dcgan_tf.download import __main__ as download
from dcgan_tf.download import fetch, mnist
from dcgan_tf.download.archives import CELEBA, Archive
from dcgan_tf.system.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Host(http.server.BaseHTTPRequestHandler):
    """Serve /whole, /breaks (closes after a third), /slow (waits there), /wrong, /page and /no-ranges."""

    requests: list[str] = []
    done = threading.Event()  # ends the wait of /slow

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.requests.append(f"{self.path} {requested}".strip())
        start = int(requested[6:-1]) if requested and self.path != "/no-ranges" else 0
        body = CONTENT[::-1] if self.path == "/wrong" else CONTENT[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Type", "text/html" if self.path == "/page" else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 3] if self.path in ("/breaks", "/slow") else body)
        if self.path == "/slow":
            self.done.wait(60)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Host.requests.clear()
    Host.done.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Host.done.set()
        server.shutdown()
        thread.join()


def archive(*urls: str) -> Archive:
    return Archive("some.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)


def test_md5_is_checked_where_only_md5_is_published(host, tmp_path):
    content = hashlib.md5(CONTENT).hexdigest()
    fetch.fetch_archive(Archive("x.pb", len(CONTENT), content, (f"{host}/whole",)), tmp_path / "x.pb")
    assert (tmp_path / "x.pb").read_bytes() == CONTENT
    wrong = Archive("y.pb", len(CONTENT), content, (f"{host}/wrong",), "--inception")
    with pytest.raises(UserError, match=r"its digest is wrong.*give it with --inception\.$"):
        fetch.fetch_archive(wrong, tmp_path / "y.pb")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pb"]


def test_next_mirror_continues_the_download(host, tmp_path):
    fetch.fetch_archive(archive(f"{host}/page", f"{host}/breaks", f"{host}/whole"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert Host.requests == ["/page", "/breaks", "/whole bytes=1000000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_next_call_continues_the_download(host, tmp_path):
    with pytest.raises(UserError, match="ended after 1,000,000 of 3,000,000 bytes.*run the same command later"):
        fetch.fetch_archive(archive(f"{host}/breaks"), tmp_path / "a.zip")
    assert [path.name for path in tmp_path.iterdir()] == [".a.zip.part"]
    fetch.fetch_archive(archive(f"{host}/whole"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT and Host.requests[-1] == "/whole bytes=1000000-"


def test_host_without_ranges_sends_the_whole_file(host, tmp_path):
    (tmp_path / ".a.zip.part").write_bytes(CONTENT[:500])
    fetch.fetch_archive(archive(f"{host}/no-ranges"), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_file_with_a_wrong_digest_is_removed(host, tmp_path):
    with pytest.raises(UserError, match=r"its digest is wrong.*by hand and give it with --from-file\.$"):
        fetch.fetch_archive(archive(f"{host}/wrong"), tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


SLOW = """
import sys
from dcgan_tf.download import __main__ as download, archives
from dcgan_tf.system.signals import run_program
download.INCEPTION = archives.Archive("slow.pb", 3_000_000, "0" * 64, (sys.argv[1],))
run_program(lambda: download.main(["inception"]))
"""


def test_an_interrupted_download_says_how_it_continues(host, tmp_path):
    line = [sys.executable, "-W", "error", "-c", SLOW, f"{host}/slow"]
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(line, cwd=ROOT, env=env, **pipes)
    partial = tmp_path / "dcgan_tf" / ".slow.pb.part"
    deadline = time.monotonic() + 60
    while not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out.splitlines()[-1] == "Interrupted; run the same command again to continue."
    assert "Traceback" not in err and partial.exists()


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
    image = (images_dir / "blobs" / "00.jpg").read_bytes()
    file = zipped(tmp_path / "hand.zip", {f"img_align_celeba/{i:06}.jpg": image for i in range(5)})
    done = command("celebA", "--data_dir", tmp_path / "data", "--from-file", file)
    assert done.returncode == 0 and "5 images, not 202,599" in done.stdout, done
    names = sorted(path.name for path in (tmp_path / "data" / "celebA").iterdir())
    assert names == [f"{i:06}.jpg" for i in range(5)] and file.exists()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["celebA"]
    assert "exists already" in command("celebA", "--data_dir", tmp_path / "data").stdout
    (tmp_path / "large").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "celebA").symlink_to(tmp_path / "large")
    download.fetch_celeba(tmp_path / "linked", file)
    assert (tmp_path / "linked" / "celebA").is_symlink() and len(list((tmp_path / "large").iterdir())) == 5
    (tmp_path / "other").mkdir()
    placed = tmp_path / "other" / CELEBA.name
    shutil.copy(file, placed)
    done = command("celebA", "--data_dir", tmp_path / "other")
    assert done.returncode == 0 and "stays, as it was there before" in done.stdout and placed.exists(), done
    with Image.open(tmp_path / "data" / "celebA" / "000000.jpg") as read_back:
        assert read_back.size == (40, 36)


def test_files_of_other_systems_do_not_count(tmp_path):
    """A Mac adds ._NAME beside each file of a ZIP archive, and .DS_Store to each folder that is opened."""
    folder = tmp_path / "celebA"
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"x")
    download.fetch_celeba(tmp_path, zipped(tmp_path / "hand.zip", {"faces/1.jpg": b"1", "__MACOSX/._1.jpg": b"2"}))
    assert sorted(path.name for path in folder.iterdir()) == [".DS_Store", "1.jpg"]


def test_an_unpacking_that_was_killed_leaves_nothing_when_it_is_repeated(tmp_path):
    file = zipped(tmp_path / "a.zip", {"faces/1.jpg": b"1"})
    killed = "import os, sys; from pathlib import Path; from dcgan_tf.download import fetch; from unittest import mock;"
    killed += "mock.patch('pathlib.Path.replace', lambda *_: os.kill(os.getpid(), 9)).start();"
    killed += "fetch.install(Path(sys.argv[1]), Path(sys.argv[2]), '*.jpg')"
    done = subprocess.run([sys.executable, "-c", killed, file, tmp_path / "data" / "celebA"], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL and len(list((tmp_path / "data").iterdir())) == 1
    download.fetch_celeba(tmp_path / "data", file)
    assert [path.name for path in (tmp_path / "data").rglob("*")] == ["celebA", "1.jpg"]


def test_invalid_archives_leave_no_files(tmp_path):
    data = tmp_path / "data"
    outside = zipped(tmp_path / "outside.zip", {"a/1.jpg": b"1", "../../outside.jpg": b"2"})
    damaged = zipped(tmp_path / "damaged.zip", {"a/1.jpg": CONTENT[:5000], "a/2.jpg": b"2"})
    damaged.write_bytes(damaged.read_bytes().replace(CONTENT[100:200], bytes(100)))
    empty = zipped(tmp_path / "empty.zip", {"readme.txt": b"no images"})
    (tmp_path / "text.zip").write_text("not an archive")
    for file, says in (
        (outside, "points outside the folder"),
        (damaged, "Bad CRC-32"),
        (empty, r"one folder in it should contain \*.jpg files, but 0 do"),
    ):
        with pytest.raises(UserError, match=says):
            download.fetch_celeba(data, file)
        assert list(data.iterdir()) == [] and not (tmp_path / "outside.jpg").exists()
    fails("celebA", "--data_dir", data, "--from-file", tmp_path / "text.zip", says="must be a ZIP archive")
    fails("celebA", "--data_dir", data, "--from-file", tmp_path / "none.zip", says="but there is no file")
    fails("inception", "--from-file", tmp_path / "text.zip", says="with --evaluate --inception")
    with pytest.raises(UserError, match="name one data set"):
        download.main(["celebA", "mnist", f"--data_dir={data}", f"--from-file={empty}"])
    with pytest.raises(UserError, match="one folder in it should contain data.mdb files, but 0 do"):
        download.fetch_lsun(data, empty)
    assert not any(path.is_file() for path in data.rglob("*"))


def test_lsun_from_a_file(tmp_path):
    file = zipped(tmp_path / "tower_val_lmdb.zip", {"tower_val_lmdb/data.mdb": b"x", "tower_val_lmdb/lock.mdb": b""})
    download.fetch_lsun(tmp_path, file)
    assert (tmp_path / "lsun" / "tower_val_lmdb" / "data.mdb").read_bytes() == b"x"
    assert [path.name for path in (tmp_path / "lsun").iterdir()] == ["tower_val_lmdb"]


def test_no_host_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    fails("celebA", "--data_dir", tmp_path, says="fetch https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/")
    with pytest.raises(UserError, match="fetch http://dl.yf.io/lsun/scenes/bedroom_val_lmdb.zip by hand"):
        download.main(["lsun", f"--data_dir={tmp_path}"])
    assert not (tmp_path / "celebA").exists() and not any(path.is_file() for path in tmp_path.rglob("*"))


def test_mnist_from_a_file(tmp_path, mnist_dir):
    raw = {name: (mnist_dir / "mnist" / name).read_bytes() for name in mnist.NAMES}
    odd = {f"MNIST/raw/{name.replace('-idx', '.idx')}.gz": gzip.compress(raw[name], 1) for name in raw}
    mnist.ensure(tmp_path / "mnist", zipped(tmp_path / "m.zip", odd))
    assert {name: (tmp_path / "mnist" / name).read_bytes() for name in raw} == raw
    mnist.ensure(tmp_path / "mnist", tmp_path / "not read, because the files exist")

    other = idx.encode(np.zeros((60000, 28, 28), np.uint8))
    wrong = zipped(tmp_path / "wrong.zip", {**raw, "train-images-idx3-ubyte": other})
    with pytest.raises(UserError, match="does not have MNIST's digest"):
        mnist.ensure(tmp_path / "no", wrong)
    assert not (tmp_path / "no").exists()
