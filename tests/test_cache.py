"""The cache gives back what was saved, finds damage, keeps within its limit, and never stops the program.

Prepared images are found again on the next start, unless anything that they depend on has changed.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dcgan_tf.data import prepare
from dcgan_tf.data.dataset import Dataset, read_dataset
from dcgan_tf.data.decode import ImageSpec, decode_image
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.cache import DiskCache, release
from dcgan_tf.system.messages import DcganWarning, shown

pytestmark = pytest.mark.usefixtures("shown")
USED = "Prepared:    read from the cache (--nocache decodes again): "
ARRAYS = {
    "pixels": np.random.default_rng(0).integers(256, size=(50, 4, 3, 1), dtype=np.uint8),
    "error": np.array(0.25),
    "names of files": np.array(["größer", ""]),
    "nothing": np.array([], str),
    "turned": np.arange(12, dtype=np.int32).reshape(3, 4).T,
}
IMAGES = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
LABELS = np.array([0, 1, 2], np.int32)


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", limit_gb=1)


def assert_kept(arrays: dict[str, np.ndarray] | None) -> None:
    assert arrays is not None and list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


def test_arrays_come_back_from_a_map(cache: DiskCache):
    assert cache.load("prepared", "x") is None
    assert_kept(cache.save("prepared", "x", ARRAYS))
    arrays = cache.load("prepared", "x")
    assert_kept(arrays)
    assert isinstance(arrays["pixels"], np.memmap) and not arrays["pixels"].flags.writeable
    release(arrays["pixels"])
    assert_kept(arrays)


@pytest.mark.parametrize("change", [lambda data: b"#" + data[1:], lambda data: data[:-1]], ids=["changed", "cut"])
def test_a_damaged_entry_is_replaced(cache: DiskCache, change: Callable[[bytes], bytes]):
    cache.save("prepared", "x", ARRAYS)
    entry = cache.folder / "prepared" / "x"
    file = entry / "pixels.npy"
    file.write_bytes(change(file.read_bytes()))
    with pytest.warns(DcganWarning, match=f"{entry} cannot be used ") as warned:
        assert cache.load("prepared", "x") is None
    assert len(warned) == 1
    assert_kept(cache.save("prepared", "x", ARRAYS))
    assert list(entry.parent.iterdir()) == [entry]


def test_one_limit_for_all_kinds(tmp_path: Path, capsys: pytest.CaptureFixture):
    """What was used longest ago is removed: entries, files of version 1.0.0, what a killed program left."""
    megabyte = {"a": np.zeros(10**6, np.uint8)}
    cache = DiskCache(tmp_path, limit_gb=0.0035)
    (tmp_path / "prepared").mkdir()
    digest = "0123456789abcdef" * 2
    mine = [tmp_path / "mine.pb", tmp_path / "prepared" / "mine.npz", tmp_path / "prepared" / digest[:30]]
    for file in mine:  # older than all others
        file.write_bytes(bytes(9000))
        os.utime(file, (1, 1))
    (tmp_path / "prepared" / f"{digest}-1").write_bytes(bytes(10**6))
    (tmp_path / "prepared" / ".temporary-killed" / digest).mkdir(parents=True)
    (tmp_path / "prepared" / ".temporary-killed" / digest / "a.npy").write_bytes(bytes(10**6))
    older, last = (f"{name}-{digest}" for name in ("classifier", "1-NN-error"))
    assert cache.save("classifiers", older, megabyte)
    for path in (tmp_path / "prepared" / f"{digest}-1", tmp_path / "prepared" / ".temporary-killed"):
        os.utime(path, (1000, 1000))
    os.utime(tmp_path / "classifiers" / older, (999, 999))
    assert cache.load("classifiers", older)  # the newest now
    for name, kept in ((last, 2), (f"{digest}-auto", 3)):
        assert cache.save("classifiers", name, megabyte)
        assert len(list((tmp_path / "classifiers").iterdir())) == kept
    assert sorted((tmp_path / "prepared").iterdir()) == sorted(mine[1:]) and mine[0].exists()
    assert cache.save("prepared", f"{digest}-3", {"a": np.zeros(4 * 10**6, np.uint8)}) is None
    assert "Cache:       not kept, as 0.004 GB is more than --cache_limit_gb 0.0035" in capsys.readouterr().out
    assert len(list((tmp_path / "classifiers").iterdir())) == 3


def test_computed_once_for_the_same_data(cache: DiskCache, capsys: pytest.CaptureFixture):
    result = (np.arange(6.0).reshape(2, 3), np.array(0.25))
    computed = []

    def compute() -> list[np.ndarray]:
        computed.append(result)
        return [array.copy() for array in result]

    def check(cache: DiskCache, *data: np.ndarray) -> None:
        for array, expected in zip(cache.cached("classifiers", data, compute), result, strict=True):
            np.testing.assert_array_equal(array, expected)
            array[...] = 7  # it is a copy

    check(cache, IMAGES, LABELS)
    assert capsys.readouterr().out == ""
    check(cache, IMAGES.copy(), LABELS.copy())
    out = capsys.readouterr().out
    (entry,) = (cache.folder / "classifiers").iterdir()
    assert out == f"Cache:       {entry} is used (--nocache computes it again)\n" and len(computed) == 1
    others = [(IMAGES,), (IMAGES, LABELS[::-1]), (IMAGES + 1, LABELS), (IMAGES.reshape(3, 4, 2), LABELS)]
    for number, data in enumerate([*others, (IMAGES, LABELS.astype(np.uint32)), (IMAGES, LABELS, np.array(2))], 2):
        check(cache, *data)
        assert len(computed) == number == len(list((cache.folder / "classifiers").iterdir()))
    check(DiskCache(cache.folder, 1, enabled=False), IMAGES, LABELS)
    assert len(computed) == 8


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
    first = folder.load(conditional=True)
    printed = capsys.readouterr().out
    second = folder.load(conditional=True)
    again = capsys.readouterr().out
    assert "1 that cannot be used\n  a/broken.png: it is not an image" in printed and "median 20x16" in printed
    assert again == printed.replace("Prepared:    ", USED)
    assert second.spec == first.spec == ImageSpec(8, 8, 1) and second.class_names == ("a", "b")
    assert levels(first) == levels(second) == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    assert first.labels.tolist() == second.labels.tolist() == [0] * 6 + [1] * 6
    np.testing.assert_array_equal(first.images, second.images)
    batches = (dataset.batches(4, 3, seed=1, start=5) for dataset in (first, second))
    for a, b in islice(zip(*batches, strict=True), 7):
        np.testing.assert_array_equal(a[0], b[0])
    folder.load(cache=False)
    assert USED not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: f.write("a/00.bmp", 99), [99, 2, 4, 6, 8, 10]),
        (lambda f: (f.images / "a" / "00.bmp").unlink(), [2, 4, 6, 8, 10]),
        (lambda f: f.write("a/broken.png", 50), [0, 2, 4, 6, 8, 10, 50]),
    ],
    ids=["changed", "removed", "mended"],
)
def test_a_changed_folder_is_decoded_again(folder, change: Callable[[Folder], None], expected: list[int], capsys):
    folder.load()
    change(folder)
    capsys.readouterr()
    assert levels(folder.load()) == [*expected, 1, 3, 5, 7, 9, 11]
    assert USED not in capsys.readouterr().out


@pytest.mark.parametrize("settings", [{"crop": True}, {"output_width": 12}, {"hold_out": 0.3}], ids=str)
def test_other_settings_are_decoded_again(folder, settings, capsys):
    folder.load()
    folder.load(**settings)
    assert USED not in capsys.readouterr().out
    folder.load(**settings)
    folder.load()
    assert capsys.readouterr().out.count(USED) == 2


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


def test_a_cache_that_cannot_be_written_gives_one_warning(folder):
    expected = levels(folder.load(cache=False))
    assert not folder.cache.exists()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))  # writing fails in the middle of the images
    try:
        # Without messages, because pytest has stdout in a file, too.
        says = "could not be written .File too large.; the next start"
        with shown(False), pytest.warns(DcganWarning, match=says) as warned:
            assert levels(folder.load()) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(warned) == 1 and not folder.kept()


@pytest.mark.parametrize("code", [errno.ENOTCONN, errno.ENOENT])
def test_images_without_one_that_may_be_read_later_are_not_kept(folder, monkeypatch, capsys, code: int):
    def fail_once(data: Path, spec: ImageSpec) -> object:
        if data.name == "00.bmp":
            raise OSError(code, os.strerror(code))
        return decode_image(data, spec)

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "decode_image", fail_once)
        assert levels(folder.load()) == [2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11] and not folder.kept()
    assert "Cache:       not kept, as some files may be readable another time\n" in capsys.readouterr().out
    assert levels(folder.load()) == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11] and folder.kept()
