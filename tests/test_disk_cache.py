"""The cache on disk gives back what was saved, finds damage, keeps within its limit, and never stops the program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.system import cache as disk_cache
from dcgan_tf.system.cache import DiskCache
from dcgan_tf.system.messages import DcganWarning

ARRAYS = {
    "pixels": np.random.default_rng(0).integers(256, size=(50, 4, 3, 1), dtype=np.uint8),
    "weights": np.arange(6.0, dtype=np.float32).reshape(2, 3),
    "error": np.array(0.25),
    "names": np.array(["größer", ""]),
    "nothing": np.array([], str),
    "turned": np.arange(12, dtype=np.int32).reshape(3, 4).T,
}
IMAGES = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
LABELS = np.array([0, 1, 2], np.int32)
RESULT = [np.arange(6.0).reshape(2, 3), np.array(0.25)]


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path, limit_gb=1)


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
    disk_cache.release(arrays["pixels"])
    assert_kept(arrays)


def test_a_file_that_is_there_is_not_written_again(cache: DiskCache):
    cache.save("prepared", "x", ARRAYS)
    before = (cache.folder / "prepared" / "x").stat().st_ino
    assert_kept(cache.save("prepared", "x", {"other": np.zeros(3)}))
    assert (cache.folder / "prepared" / "x").stat().st_ino == before


def damage(place: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(place * len(data))] + b"#" + data[int(place * len(data)) + 1 :]


DAMAGES = {f"at {place}": damage(place) for place in (0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9999)} | {
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"1",
    "only a digest": lambda data: data[:65],
    "empty": lambda data: b"",
    "text": lambda data: b"x" * 99,
    "one line": lambda data: data.replace(b"\n", b" "),
}


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_removed(cache: DiskCache, change: Callable[[bytes], bytes]):
    cache.save("prepared", "x", ARRAYS)
    file = cache.folder / "prepared" / "x"
    whole = file.read_bytes()
    file.write_bytes(change(whole))
    assert file.read_bytes() != whole
    with pytest.warns(DcganWarning) as warned:
        assert cache.load("prepared", "x") is None
    assert [str(warning.message).split(" (")[0] for warning in warned] == [f"The file {file} cannot be used"]
    assert not file.exists()
    assert_kept(cache.save("prepared", "x", ARRAYS))


def test_damage_of_a_large_file_is_found_in_all_parts_that_are_checked(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk_cache, "PART_BYTES", 16)
    cache.save("prepared", "x", {"a": np.zeros(6450, np.uint8)})
    file = cache.folder / "prepared" / "x"
    whole = file.read_bytes()
    first = len(whole) - 6450
    found = []
    for place in range(first, len(whole), 10):
        file.write_bytes(damage(place / len(whole) + 1e-9)(whole))
        try:
            cache.load("prepared", "x")
        except DcganWarning:
            found.append((place - first) % 100)
    assert set(found) == {0, 10} and len(found) == 2 * 65
    file.write_bytes(whole + b"1")
    with pytest.warns(DcganWarning, match="its digest is wrong"):
        assert cache.load("prepared", "x") is None


def test_a_file_that_cannot_be_read_now_is_not_removed(cache: DiskCache, monkeypatch: pytest.MonkeyPatch):
    def fail(file: Path) -> None:
        raise OSError(5, "Input/output error")

    cache.save("prepared", "x", ARRAYS)
    with monkeypatch.context() as patch, pytest.warns(DcganWarning, match="cannot be used .Input/output error"):
        patch.setattr(disk_cache, "_open", fail)
        assert cache.load("prepared", "x") is None
    assert_kept(cache.load("prepared", "x"))


def test_one_limit_for_all_kinds(tmp_path: Path, capsys: pytest.CaptureFixture, shown: None):
    kilobyte = {"a": np.zeros(1000, np.uint8)}
    cache = DiskCache(tmp_path, limit_gb=3500e-9)
    (tmp_path / "prepared").mkdir()
    for mine in (tmp_path / "mine.pb", tmp_path / "prepared" / "mine.npz"):  # the second is older than all others
        mine.write_bytes(bytes(9000))
        os.utime(mine, (1, 1))
    digest = "0123456789abcdef" * 2
    old, new, large = (f"{digest}-{ending}" for ending in ("auto", "1", "3"))
    older, last = (f"{name}-{digest}" for name in ("classifier", "1-NN-error"))
    for number, (kind, name) in enumerate([("prepared", old), ("classifiers", older), ("prepared", new)]):
        assert cache.save(kind, name, kilobyte)
        os.utime(tmp_path / kind / name, (1000 - number % 2, 1000 - number % 2))
    assert cache.load("classifiers", older)  # the newest now
    assert cache.save("classifiers", last, kilobyte)
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert len(kept) == 5 and {"mine.pb", "mine.npz", older, last} < kept
    assert cache.save("prepared", large, {"a": np.zeros(4000, np.uint8)}) is None
    assert "Cache:       not kept, as 0.000 GB is more than --cache_limit_gb 3.5e-06" in capsys.readouterr().out
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_a_full_disk_gives_a_warning(cache: DiskCache, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(disk_cache.shutil, "disk_usage", lambda _: type("usage", (), {"free": 100}))
    with pytest.warns(DcganWarning, match="could not be written .No space left on device"):
        assert cache.save("prepared", "x", ARRAYS) is None
    assert not list((cache.folder / "prepared").iterdir())


class Counted:
    """A computation that counts its calls."""

    calls = 0

    def __call__(self) -> list[np.ndarray]:
        self.calls += 1
        return RESULT


@pytest.fixture
def compute() -> Counted:
    return Counted()


def cached(cache: DiskCache, compute: Counted, *data: np.ndarray) -> None:
    """The cache returns RESULT."""
    arrays = cache.cached("classifiers", "test result", data or (IMAGES, LABELS), compute)
    assert len(arrays) == len(RESULT)
    for array, expected in zip(arrays, RESULT, strict=True):
        np.testing.assert_array_equal(array, expected)
        array[...] = 7  # it is a copy


def test_computed_once_for_the_same_data(
    cache: DiskCache, compute: Counted, capsys: pytest.CaptureFixture, shown: None
):
    cached(cache, Counted(), IMAGES)
    cached(cache, compute)
    assert capsys.readouterr().out == ""
    for _ in range(2):
        cached(cache, compute, IMAGES.copy(), LABELS.copy())
        assert compute.calls == 1
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[0] == out[1]
    start = f"Cache:       the test result comes from {cache.folder / 'classifiers'}{os.sep}test-result-"
    assert out[0].startswith(start) and out[0].endswith(" (--nocache computes it again)")


OTHER = {
    "values": (IMAGES, LABELS[::-1]),
    "images": (IMAGES + 1, LABELS),
    "shape": (IMAGES.reshape(3, 4, 2), LABELS),
    "type": (IMAGES, LABELS.astype(np.uint32)),
    "more": (IMAGES, LABELS, np.array(2)),
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_computed_again_for_other_data(cache: DiskCache, compute: Counted, data: tuple[np.ndarray, ...]):
    cached(cache, compute)
    cached(cache, compute, *data)
    assert compute.calls == 2 and len(list((cache.folder / "classifiers").iterdir())) == 2


def test_computed_again_if_the_file_is_damaged(cache: DiskCache, compute: Counted):
    cached(cache, compute)
    (file,) = (cache.folder / "classifiers").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"1")
    with pytest.warns(DcganWarning, match="its digest is wrong"):
        cached(cache, compute)
    cached(cache, compute)
    assert compute.calls == 2


def test_switched_off_it_neither_reads_nor_writes(tmp_path: Path, compute: Counted):
    off = DiskCache(tmp_path, 1, enabled=False)
    cached(off, compute)
    assert list(tmp_path.iterdir()) == []
    cached(DiskCache(tmp_path, 1), compute)
    cached(off, compute)
    assert compute.calls == 3


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, compute: Counted):
    (tmp_path / "file").write_text("")
    with pytest.warns(DcganWarning, match="file.classifiers.test-result-.* could not be written .Not a directory"):
        cached(DiskCache(tmp_path / "file", 1), compute)
    assert compute.calls == 1
