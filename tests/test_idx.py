"""idx files: what is read, and what is not."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.data import idx
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.settings.config import Asked
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
    dataset = read_dataset(Asked(dataset=str(tmp_path)))
    assert len(dataset.images) == 5 and dataset.class_names == tuple("01234")
