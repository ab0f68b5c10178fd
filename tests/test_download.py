"""Downloads from a real HTTP server that closes the connection, sends wrong files, or does not answer; --from-file."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import shutil
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

import dcgan_tf
from dcgan_tf.data import idx, mnist
from dcgan_tf.download import __main__ as download
from dcgan_tf.download import fetch
from dcgan_tf.runs import pretrained
from dcgan_tf.system.errors import UserError

CONTENT = np.random.default_rng(0).bytes(3_000_000)


class Host(http.server.BaseHTTPRequestHandler):
    """Serve /whole, /breaks (closes after a third of the bytes), /wrong, /page and /no-ranges (no Range requests)."""

    requests: list[str] = []
    content = CONTENT

    def do_GET(self) -> None:
        requested = self.headers.get("Range", "")
        self.requests.append(f"{self.path} {requested}".strip())
        start = int(requested[6:-1]) if requested and self.path != "/no-ranges" else 0
        body = self.content[::-1] if self.path == "/wrong" else self.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        self.send_header("Content-Type", "text/html" if self.path == "/page" else "application/zip")
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


def archive(*urls: str) -> fetch.Archive:
    return fetch.Archive("some.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), urls)


def test_md5_is_checked_where_only_md5_is_published(host, tmp_path):
    content = hashlib.md5(CONTENT).hexdigest()
    fetch.fetch_archive(fetch.Archive("x.pb", len(CONTENT), content, (f"{host}/whole",)), tmp_path / "x.pb")
    assert (tmp_path / "x.pb").read_bytes() == CONTENT
    wrong = fetch.Archive("y.pb", len(CONTENT), content, (f"{host}/wrong",), "--inception")
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
    with Image.open(tmp_path / "data" / "celebA" / "000000.jpg") as read_back:
        assert read_back.size == (40, 36)


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


def test_a_pretrained_run_from_a_registry(host, tmp_path, monkeypatch, capsys):
    file = Path(shutil.make_archive(str(tmp_path / "by_hand"), "zip", pretrained.FOLDER, "mouths"))
    expected = dcgan_tf.load("pretrained:mouths").generate(3)
    content = file.read_bytes()
    monkeypatch.setattr(Host, "content", content)
    folder = pretrained.fetched_folder()
    registry = tmp_path / "registry.json"
    entry = {"name": "mouths", "size": len(content), "digest": hashlib.sha256(content).hexdigest()}

    def fetch_from(*urls: str, **changed: object) -> list[str]:
        registry.write_text(json.dumps([entry | {"urls": [f"{host}/{url}" for url in urls]} | changed]))
        return ["pretrained", "mouths", f"--registry={registry}"]

    fails(*fetch_from("wrong"), says="its digest is wrong")
    with pytest.raises(UserError, match="the host's file has .* bytes, not 7.*give it with --from-file"):
        download.main(fetch_from("whole", size=7))
    assert list(folder.iterdir()) == []

    download.main(fetch_from("breaks", "whole"))
    third = len(content) // 3
    assert Host.requests[-2:] == ["/breaks", f"/whole bytes={third}-"]
    assert [path.name for path in folder.iterdir()] == ["mouths"]
    assert "python main.py --dataset mouths --pretrained uses it" in capsys.readouterr().out
    run = dcgan_tf.load("pretrained:mouths")  # it comes before the run of the package
    assert run.run.pretrained == folder / "mouths"
    np.testing.assert_array_equal(run.generate(3), expected)
    download.main(fetch_from("whole"))
    assert "exists already" in capsys.readouterr().out
    (folder / "mouths" / "generator.npz").write_bytes(b"damage")
    with pytest.raises(UserError, match="its digest is wrong.*remove .*mouths and fetch it again"):
        dcgan_tf.load("pretrained:mouths").generate(1)

    shutil.rmtree(folder / "mouths")
    download.main([*fetch_from("whole"), f"--from-file={file}"])
    assert file.exists() and (folder / "mouths" / "generator.npz").stat().st_size > 2e6
    shutil.rmtree(folder / "mouths")
    fails(*fetch_from("whole"), f"--from-file={registry}", says="registry.json is not that file")
    fails(*fetch_from("whole", name="../../x"), says="'../../x' has no urls, or is not a plain name")
    fails(*fetch_from(), says="'mouths' has no urls")
    fails(*fetch_from("whole", name="cats"), says="has no run 'mouths'; it has cats.")
    fails("pretrained", "mouths", f"--registry={file}", says="must be a JSON list")
    fails("pretrained", "mouths", says="has no run 'mouths'; it has none.")
    assert list(folder.iterdir()) == []


def test_no_host_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    fails("celebA", "--data_dir", tmp_path, says="fetch https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/")
    with pytest.raises(UserError, match="fetch http://dl.yf.io/lsun/scenes/bedroom_val_lmdb.zip by hand"):
        download.main(["lsun", f"--data_dir={tmp_path}"])
    assert not (tmp_path / "celebA").exists() and not any(path.is_file() for path in tmp_path.rglob("*"))


def test_mnist_from_a_file(tmp_path, mnist_dir):
    raw = {name: (mnist_dir / "mnist" / name).read_bytes() for name in mnist.MNIST}
    odd = {f"MNIST/raw/{name.replace('-idx', '.idx')}.gz": gzip.compress(raw[name], 1) for name in raw}
    mnist.ensure(tmp_path / "mnist", zipped(tmp_path / "m.zip", odd))
    assert {name: (tmp_path / "mnist" / name).read_bytes() for name in raw} == raw
    mnist.ensure(tmp_path / "mnist", tmp_path / "not read, because the files exist")

    other = idx.encode(np.zeros((60000, 28, 28), np.uint8))
    wrong = zipped(tmp_path / "wrong.zip", {**raw, "train-images-idx3-ubyte": other})
    with pytest.raises(UserError, match="does not have MNIST's digest"):
        mnist.ensure(tmp_path / "no", wrong)
    assert not (tmp_path / "no").exists()
