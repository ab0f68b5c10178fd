"""What evaluations keep in cache_dir."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.evaluation import cache
from dcgan_tf.settings.config import Config

IMAGES, LABELS = np.arange(24, dtype=np.uint8).reshape(3, 2, 4), np.array([0, 1, 2], np.int32)
RESULT = [np.arange(6.0).reshape(2, 3), np.array(0.25)]


class Counted:
    """A computation that counts its calls."""

    calls = 0

    def __call__(self) -> list[np.ndarray]:
        self.calls += 1
        return RESULT


@pytest.fixture
def compute() -> Counted:
    return Counted()


def kept(folder: Path, compute: Callable[[], list[np.ndarray]], *data: np.ndarray, **settings: bool) -> None:
    """The cache returns RESULT."""
    config = Config(cache_dir=str(folder), **settings)
    arrays = cache.kept(config, "test result", list(data) or [IMAGES, LABELS], compute)
    assert len(arrays) == len(RESULT)
    assert all((array == expected).all() for array, expected in zip(arrays, RESULT, strict=True))


def test_computed_once_for_the_same_data(tmp_path: Path, compute: Counted, capsys: pytest.CaptureFixture):
    kept(tmp_path, compute)
    assert capsys.readouterr().out == ""
    kept(tmp_path, compute, IMAGES.copy(), LABELS.copy())
    (file,) = (tmp_path / "classifiers").iterdir()
    assert compute.calls == 1
    assert capsys.readouterr().out == f"Cache:       the test result comes from {file} (--nocache computes it again)\n"


@pytest.mark.parametrize("data", [(IMAGES, LABELS[::-1]), (IMAGES + 1, LABELS), (IMAGES.reshape(3, 4, 2), LABELS)])
def test_computed_again_for_other_data(tmp_path: Path, compute: Counted, data: tuple[np.ndarray, ...]):
    kept(tmp_path, compute)
    kept(tmp_path, compute, *data)
    assert compute.calls == 2 and len(list((tmp_path / "classifiers").iterdir())) == 2


def test_computed_again_for_another_version(tmp_path: Path, compute: Counted, monkeypatch: pytest.MonkeyPatch):
    kept(tmp_path, compute)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    kept(tmp_path, compute)
    assert compute.calls == 2


def test_nocache_neither_reads_nor_writes(tmp_path: Path, compute: Counted):
    kept(tmp_path, compute, cache=False)
    assert list(tmp_path.iterdir()) == []
    kept(tmp_path, compute)
    kept(tmp_path, compute, cache=False)
    assert compute.calls == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "one bit", "text"])
def test_a_damaged_file_is_replaced(tmp_path: Path, compute: Counted, damage: str, capsys: pytest.CaptureFixture):
    kept(tmp_path, compute)
    (file,) = (tmp_path / "classifiers").iterdir()
    whole = file.read_bytes()
    at = whole.index(RESULT[0].tobytes()) + 20
    broken = bytearray(whole)
    broken[at] ^= 4
    file.write_bytes({"empty": b"", "cut": whole[:-40], "one bit": broken, "text": b"not an archive"}[damage])
    kept(tmp_path, compute)
    assert compute.calls == 2
    assert f"Warning: {file} cannot be used (" in capsys.readouterr().err
    kept(tmp_path, compute)
    assert compute.calls == 2 and list((tmp_path / "classifiers").iterdir()) == [file]


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, compute: Counted, capsys: pytest.CaptureFixture):
    (tmp_path / "file").write_text("")
    kept(tmp_path / "file", compute)
    assert compute.calls == 1
    assert "Warning: the test result could not be kept in" in capsys.readouterr().err
