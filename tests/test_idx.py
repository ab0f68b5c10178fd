"""idx files: what is read, and what is not; their order and classes."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, load

from dcgan_tf.data import idx
from dcgan_tf.data.dataset import check_trainable, read_dataset
from dcgan_tf.download import mnist
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError

pytestmark = pytest.mark.usefixtures("shown")
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 12, 8), np.uint8)
LABELS = (np.arange(30) % 5).astype(np.uint8)
ORDER = np.random.RandomState(547).permutation(30)


def write(folder: Path, prefix: str, images: np.ndarray, labels: np.ndarray, end: str = "") -> None:
    folder.mkdir(exist_ok=True)
    for what, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx.encode(array)
        if end == ".gz":
            content = gzip.compress(content)
        (folder / f"{prefix}-{what}-ubyte{end}").write_bytes(content)


@pytest.mark.parametrize("damage", [b"", b"\0\0\x08\x01\0\0\0\x05abc", b"\0\0\x08\x02" + b"\xff" * 9])
def test_damaged_idx(damage: bytes, tmp_path: Path):
    (tmp_path / "file").write_bytes(damage)
    (tmp_path / "zipped.gz").write_bytes(gzip.compress(damage)[:-5])
    for name in ("file", "zipped.gz"):
        with pytest.raises(UserError, match="is damaged"):
            idx.read(tmp_path / name)


def test_only_exact_names_are_read(tmp_path: Path):
    """What a killed program, a copy or another system leaves is no part of the data set, and does not block it."""
    write(tmp_path, "train", IMAGES, LABELS)
    files = list(tmp_path.iterdir())
    for size in (None, 9):
        for file in files:
            for stray in (".temporary-0123abcd-{}", "._{}", "{}.bak", "{}.gz.md5", "{} copy", "{}.part"):
                (tmp_path / stray.format(file.name)).write_bytes(file.read_bytes()[:size])
        dataset = load(tmp_path)
        assert len(dataset.images) == 30 and dataset.class_names == tuple("01234")


@pytest.mark.parametrize(("code", "kind", "packed"), [(9, ">i1", True), (12, ">i4", False)])
def test_the_content_counts_not_the_name(tmp_path: Path, code: int, kind: str, packed: bool):
    """Packed or not, with or without .gz; labels of any type of integers, also of eight numbers each, as QMNIST's."""
    numbers = np.stack([LABELS, *[LABELS + 7] * 7], 1).astype(kind)
    contents = [idx.encode(IMAGES), bytes([0, 0, code, 2, 0, 0, 0, 30, 0, 0, 0, 8]) + numbers.tobytes()]
    if packed:
        contents = [gzip.compress(content) for content in contents]
    for name, content in zip(("images-idx3-ubyte", "labels-idx2-int.gz"), contents, strict=True):
        (tmp_path / f"qmnist-train-{name}").write_bytes(content)
    dataset = load(tmp_path, output_height=None)
    assert dataset.class_names == tuple("01234") and dataset.labels.tolist() == LABELS[ORDER].tolist()
    np.testing.assert_array_equal(dataset.images, IMAGES[ORDER][..., None])


def test_a_negative_label_is_none(tmp_path: Path):
    write(tmp_path, "train", IMAGES, LABELS)
    labels = np.where(LABELS, LABELS + np.int16(900), np.int16(-1)).astype(">i2")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 11, 1, 0, 0, 0, 30]) + labels.tobytes())
    dataset = load(tmp_path)
    assert dataset.class_names == ("901", "902", "903", "904") and set(dataset.labels.clip(-1)) == {-1, 0, 1, 2, 3}
    with pytest.raises(UserError, match="Some images in .* have no label"):
        check_trainable(dataset, 8, 30)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_two_parts_in_the_order_of_the_seed(tmp_path: Path, end: str):
    write(tmp_path, "train", IMAGES[:20], LABELS[:20], end)
    write(tmp_path, "t10k", IMAGES[20:], LABELS[20:], end)
    dataset = load(tmp_path, output_height=None)
    assert dataset.class_names == tuple("01234") and not dataset.shuffle_each_epoch
    np.testing.assert_array_equal(dataset.images, IMAGES[ORDER][..., None])
    assert dataset.labels.tolist() == LABELS[ORDER].tolist()
    assert len(load(tmp_path, split="train").images) == 20
    assert not load(tmp_path, conditional=False).class_names
    assert load(tmp_path, output_height=16, output_width=20).images.shape == (30, 16, 20, 1)
    assert load(tmp_path, output_height=None, c_dim=3).images.shape == (30, 12, 8, 3)


def test_one_part_or_not_all_classes(tmp_path: Path, capsys: pytest.CaptureFixture):
    write(tmp_path, "faces", IMAGES, LABELS)
    assert len(load(tmp_path, split="train").images) == 30
    assert "has no train and test part, so --split train has no effect" in capsys.readouterr().out
    assert read_dataset(Asked(dataset=str(tmp_path)), "train").has_test is False  # as --evaluate does
    assert "no effect" not in capsys.readouterr().out
    write(tmp_path, "train", IMAGES, LABELS)
    write(tmp_path, "faces", IMAGES[:2], LABELS[1:3])
    test = load(tmp_path, class_names=tuple("01234"), split="test")
    assert test.class_names == tuple("01234") and sorted(test.labels) == [1, 2]


def test_parts_that_do_not_fit_together(tmp_path: Path):
    write(tmp_path, "train", IMAGES, LABELS[:-1])
    with pytest.raises(UserError, match="do not have one label for each image"):
        load(tmp_path)
    write(tmp_path, "t10k", IMAGES[:, :9], LABELS)
    with pytest.raises(UserError, match=r"of bytes, of one size.*\(30, 12, 8\), \(30, 9, 8\)\]; choose among"):
        load(tmp_path)


def test_mnist_order_is_that_of_the_original(mnist_dir: Path):
    recorded = json.loads((ROOT / "tests/golden/mnist_order.json").read_text())
    dataset = read_dataset(Asked(dataset="mnist", data_dir=str(mnist_dir)))
    assert dataset.images.shape == (70000, 28, 28, 1) and dataset.class_names == tuple("0123456789")
    labels = next(value for key, value in recorded.items() if "label" in key)
    assert dataset.labels[: len(labels)].tolist() == labels


@pytest.mark.parametrize("name", ["./mnist", "MNIST"])
def test_mnist_is_fetched_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setattr(mnist, "ensure", lambda folder: write(folder, "train", IMAGES, LABELS))
    assert read_dataset(Asked(dataset=name, data_dir=str(tmp_path))).images.shape == (30, 12, 8, 1)


def write_letters(folder: Path) -> None:
    """Write idx files as those of EMNIST's letters: labels 1 to 3, images that are transposed."""
    write(folder, "emnist-letters-train", IMAGES.swapaxes(1, 2), LABELS % 3 + 1)


def test_labels_that_begin_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_letters(tmp_path)
    expected = (LABELS % 3)[ORDER].tolist()
    for class_names in ((), ("1", "2", "3")):
        dataset = load(tmp_path, class_names=class_names)
        assert dataset.class_names == ("1", "2", "3") and dataset.labels.tolist() == expected
    assert "Classes:     3: 1 (12), 2 (12), 3 (6)\n" in capsys.readouterr().out
    old = load(tmp_path, class_names=("0", "1", "2", "3"))  # a run that exists keeps its class 0
    assert old.class_names == ("0", "1", "2", "3") and set(old.labels) == {1, 2, 3}
    with pytest.raises(UserError, match="trained on the classes 2, 3, but"):
        load(tmp_path, class_names=("2", "3"))


def test_letters_are_turned_as_the_documentation_says(tmp_path: Path):
    folder = tmp_path / "letters"
    write_letters(folder)
    sideways = load(folder, output_height=None).images[..., 0]
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(encoding="utf-8"), re.DOTALL)
    exec(code[1].replace("data/letters", str(folder)), {})
    turned = load(folder, output_height=None).images[..., 0]
    np.testing.assert_array_equal(sideways, IMAGES[ORDER].swapaxes(1, 2))
    np.testing.assert_array_equal(turned, IMAGES[ORDER])


def test_files_in_a_sub_folder_are_named(tmp_path: Path):
    write(tmp_path / "raw", "train", IMAGES, LABELS)
    with pytest.raises(UserError, match=f"idx files in a sub-folder: give --dataset {tmp_path}/raw"):
        load(tmp_path)
