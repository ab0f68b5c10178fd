"""Prepared images are found again on the next start, unless anything that they depend on has changed."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, SMALL, main_here
from PIL import Image

from dcgan_tf.data import prepare, sources
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.data.decode import ImageSpec, decode_image
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning, shown

pytestmark = pytest.mark.usefixtures("shown")
USED = "Prepared:    read from the cache (--nocache decodes again): "


class Folder:
    """A data set of 12 gray BMP files, number i of gray level i, in two classes; a broken file; and its own cache."""

    def __init__(self, path: Path) -> None:
        self.images, self.cache = path / "data" / "n", path / "cache"
        for number in range(12):
            self.write(f"{'ab'[number % 2]}/{number:02}.bmp", number)
        (self.images / "a" / "broken.png").write_bytes(b"not an image")
        (self.images / "notes.txt").write_text("not an image")

    def write(self, name: str, *colour: int) -> None:
        (self.images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (colour * 3)[:3]).save(self.images / name)

    def load(self, **settings: object) -> Dataset:
        sizes = {"output_height": 8, "input_height": 10}
        data = {"data_dir": str(self.images.parent), "cache_dir": str(self.cache)}
        return read_dataset(Asked(dataset="n", **sizes | data | settings))

    def kept(self) -> list[Path]:
        return sorted(self.cache.glob("prepared/*"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def levels(dataset: Dataset) -> list[int]:
    return dataset.images[:, 4, 4, 0].tolist()


def test_second_start_reads_the_cache_and_prints_the_same(folder, capsys):
    before = {path: path.stat() for path in folder.images.rglob("*")}
    first = folder.load(conditional=True)
    printed = capsys.readouterr().out
    second = folder.load(conditional=True)
    again = capsys.readouterr().out
    assert USED not in printed and "1 that cannot be read\n  a/broken.png: it is not an image" in printed
    assert "a 6, b 6" in printed and "1 .txt" in printed and "12, gray" in printed and "median 20x16" in printed
    assert again == printed.replace("Prepared:    ", USED)
    assert second.spec == first.spec == ImageSpec(8, 8, 1) and second.class_names == ("a", "b")
    assert levels(first) == levels(second) == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    assert first.labels.tolist() == second.labels.tolist() == [0] * 6 + [1] * 6
    np.testing.assert_array_equal(first.images, second.images)
    assert {path: path.stat() for path in folder.images.rglob("*")} == before
    batches = (dataset.batches(4, 3, seed=1, start=5) for dataset in (first, second))
    for a, b in islice(zip(*batches, strict=True), 7):
        np.testing.assert_array_equal(a[0], b[0])


@pytest.mark.parametrize("version", ["cache.DECODING", "cache.PIL.__version__", "cache.simplejpeg.__version__"])
def test_other_versions_are_decoded_again(folder, version: str, monkeypatch, capsys):
    folder.load()
    monkeypatch.setattr(f"dcgan_tf.data.{version}", "another")
    folder.load()
    assert USED not in capsys.readouterr().out and len(folder.kept()) == 2


def swap(folder: Folder) -> None:
    """Exchange two files of the same size and the same modification time."""
    one, two = folder.images / "a" / "00.bmp", folder.images / "a" / "02.bmp"
    for file in (one, two):
        os.utime(file, ns=(10**18, 10**18))
    folder.load()
    assert one.stat().st_size == two.stat().st_size
    one.rename(folder.images / "third")
    two.rename(one)
    (folder.images / "third").rename(two)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.write("a/00.bmp", 99), [99, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]),
        (lambda f: f.write("a/00x.bmp", 77), [0, 77, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]),
        (lambda f: (f.images / "a" / "00.bmp").unlink(), [2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]),
        (
            lambda f: (f.images / "a" / "00.bmp").rename(f.images / "b" / "00.bmp"),
            [2, 4, 6, 8, 10, 0, 1, 3, 5, 7, 9, 11],
        ),
        (lambda f: f.write("a/broken.png", 50), [0, 2, 4, 6, 8, 10, 50, 1, 3, 5, 7, 9, 11]),
        (swap, [2, 0, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]),
    ],
    ids=["changed", "added", "removed", "moved", "mended", "swapped"],
)
def test_a_changed_folder_is_decoded_again(folder, change: Callable[[Folder], None], expected: list[int], capsys):
    folder.load()
    change(folder)
    capsys.readouterr()
    assert levels(folder.load()) == expected
    assert USED not in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings",
    [{"crop": True}, {"fit": "pad"}, {"output_height": 12}, {"output_width": 12}, {"c_dim": 3}, {"hold_out": 0.3}],
    ids=str,
)
def test_other_settings_are_decoded_again(folder, settings, capsys):
    shape = folder.load().images.shape
    folder.load(**settings)
    assert USED not in capsys.readouterr().out
    folder.load(**settings)
    assert capsys.readouterr().out.count(USED) == 1
    assert folder.load().images.shape == shape


def test_channels_that_the_images_decided_are_found_when_they_are_given(folder, capsys):
    """A run saves the c_dim that its images decided, so --resume gives it."""
    folder.load()
    np.testing.assert_array_equal(folder.load(c_dim=1).images, folder.load(c_dim=1, cache=False).images)
    folder.write("a/00.bmp", 200, 0, 0)
    folder.load()
    capsys.readouterr()
    assert folder.load(c_dim=3).images.shape == (12, 8, 8, 3)
    assert USED in capsys.readouterr().out
    assert folder.load(c_dim=1).images.shape == (12, 8, 8, 1)
    assert USED not in capsys.readouterr().out


def test_nocache_neither_reads_nor_writes(folder, capsys):
    folder.load(cache=False)
    assert not folder.cache.exists()
    folder.load()
    folder.load(cache=False)
    assert USED not in capsys.readouterr().out


def damage(place: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(place * len(data))] + b"#" + data[int(place * len(data)) + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        damage(0),
        damage(0.05),
        damage(0.5),
        damage(0.9999),
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"x" * 99,
    ],
)
def test_a_damaged_file_is_replaced(folder, change: Callable[[bytes], bytes], capsys):
    expected = np.array(folder.load().images)
    (file,) = folder.kept()
    file.write_bytes(change(file.read_bytes()))
    capsys.readouterr()
    with pytest.warns(DcganWarning) as warned:
        np.testing.assert_array_equal(folder.load().images, expected)
    assert [str(warning.message).split(" (")[0] for warning in warned] == [f"The file {file} cannot be used"]
    assert USED not in capsys.readouterr().out
    np.testing.assert_array_equal(folder.load().images, expected)
    assert USED in capsys.readouterr().out


def test_what_was_used_longest_ago_is_removed(folder, capsys):
    for size in (8, 12, 16):
        folder.load(output_height=size)
    old, newer, newest = sorted(folder.kept(), key=lambda file: file.stat().st_size)
    for file, time in ((old, 100), (newer, 200), (newest, 300)):
        os.utime(file, (time, time))
    folder.load(output_height=8)  # used again, so it is the newest now
    limit = sum(file.stat().st_size for file in folder.kept()) / 1e9
    left = folder.cache / "prepared" / ".temporary-1-killed"
    left.write_bytes(b"")
    os.utime(left, (100, 100))
    busy = folder.cache / "prepared" / ".temporary-2-busy"
    busy.write_bytes(b"")
    folder.load(output_height=12, cache_limit_gb=limit)
    assert newer.exists()
    capsys.readouterr()
    folder.load(output_height=4, cache_limit_gb=limit)
    names = set(folder.kept())
    assert {old, newer, busy} <= names and newest not in names and left not in names and len(names) == 4
    assert sum(file.stat().st_size for file in names) <= limit * 1e9
    folder.load(output_height=20, cache_limit_gb=1e-6)
    assert "not kept, as 0.00" in capsys.readouterr().out and set(folder.kept()) == names


def test_a_cache_that_cannot_be_written_gives_one_warning(folder):
    expected = levels(folder.load(cache=False))
    folder.cache.write_text("a file, not a folder")
    with pytest.warns(DcganWarning, match="could not be written .Not a directory") as warned:
        assert levels(folder.load()) == expected
    assert len(warned) == 1
    folder.cache.unlink()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # writing fails in the middle of the file
    try:
        # Without messages, because pytest has stdout in a file, too.
        says = "could not be written .File too large.; the next start"
        with shown(False), pytest.warns(DcganWarning, match=says) as warned:
            assert levels(folder.load()) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(warned) == 1 and not folder.kept()


def test_a_failed_start_keeps_nothing(folder):
    with pytest.raises(UserError, match="is larger than"):
        folder.load(crop=True, input_height=30)
    for number in range(20):
        (folder.images / f"broken{number}.png").write_bytes(b"no")
    with pytest.raises(UserError, match="cannot be read"):
        folder.load()
    assert not folder.kept()


def test_an_error_that_may_pass_is_not_kept(folder):
    """Too many open files: the next start may read the image."""
    file = folder.images / "a" / "00.bmp"
    items = [sources.Item("bytes", file.read_bytes(), 0), sources.Item("file", file, 0)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        prepared = prepare.decode_all(sources.Source("here", items, 2), ImageSpec(8, 8), 1, folder.cache)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert prepared.unreadable == ["file: Too many open files"] and not prepared.cacheable
    assert prepare.decode_all(sources.Source("here", items, 2), ImageSpec(8, 8), 1, folder.cache).cacheable


def test_images_without_one_that_may_be_read_later_are_not_kept(folder, monkeypatch):
    def fail_once(data: Path, spec: ImageSpec) -> object:
        if data.name == "00.bmp":
            raise OSError(errno.EMFILE, "Too many open files")
        return decode_image(data, spec)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "decode_image", fail_once)
        assert levels(folder.load()) == [2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11] and not folder.kept()
    assert levels(folder.load()) == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11] and folder.kept()


def test_two_programs_at_once(folder):
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from dcgan_tf.settings.config import Asked
from dcgan_tf.data.dataset import read_dataset
config = Asked(dataset="n", data_dir={str(folder.images.parent)!r}, cache_dir={str(folder.cache)!r})
print(read_dataset(config).images.sum())
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    programs = [subprocess.Popen([sys.executable, "-W", "error", "-c", script], **pipes) for _ in range(3)]
    results = [(*program.communicate(), program.returncode) for program in programs]
    assert all(code == 0 and "Warning" not in err for _, err, code in results), results
    assert len({out.splitlines()[-1] for out, _, _ in results}) == 1
    assert len(folder.kept()) == 1


def test_resume_and_other_commands_read_the_cache(images_dir, tmp_path, capsys):
    run = ["--dataset=blobs", f"--data_dir={images_dir}", f"--cache_dir={tmp_path / 'cache'}", "--output_height=16"]
    main_here(*run, *SMALL, "--train", "--iterations=1", out_dir=tmp_path)
    assert USED not in capsys.readouterr().out
    main_here(*run, "--train", "--resume", "--iterations=2", out_dir=tmp_path)
    out = capsys.readouterr().out
    assert USED in out and "Finished after iteration 2 of 2" in out
    main_here(*run, f"--features={tmp_path / 'features.npz'}", out_dir=tmp_path)
    assert USED in capsys.readouterr().out and len(list(tmp_path.glob("cache/prepared/*"))) == 1
