"""What a data set and the settings decide together, what cannot be trained on, and the order of batches."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.data.dataset import Dataset, check_trainable, read_dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        ({}, {}, ImageSpec(64, 64)),
        ({}, {"own": (28, 20)}, ImageSpec(28, 20, 1)),
        ({"output_height": 32}, {"own": (28, 20)}, ImageSpec(32, 32, 1)),
        ({"output_height": 30, "output_width": 40, "c_dim": 3, "fit": "pad"}, {}, ImageSpec(30, 40, 3, fit="pad")),
        ({"crop": True, "input_height": 90}, {}, ImageSpec(64, 64, crop=(90, 90))),
        ({"crop": True, "input_width": 90}, {"own": (28, 20, 3)}, ImageSpec(28, 20, crop=(28, 90))),
    ],
)
def test_what_is_not_given_is_the_data_sets_own_or_the_default(settings: dict, own: dict, expected: ImageSpec):
    assert ImageSpec.of(Asked(**settings), **own) == expected


def test_impossible_sizes_are_refused_before_images_are_read(mnist_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dcgan_tf.data.dataset.prepare", lambda *_: pytest.fail("read"))
    with pytest.raises(UserError, match="must be multiples of 4, but are 30 and 30"):
        read_dataset(Asked(dataset="mnist", data_dir=str(mnist_dir), output_height=30, stages="original"))


def numbered(count: int, class_names: tuple[str, ...] = ()) -> Dataset:
    """Images of one pixel, number i of gray level i and with the label i."""
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    labels = np.arange(count, dtype=np.int32)
    return Dataset(images, labels, class_names, ImageSpec(1, 1, 1), "here", shuffle_each_epoch=True)


def test_what_cannot_be_trained_on():
    check_trainable(numbered(6, ("a",)), 6, np.inf)
    for train_size, count in ((np.inf, 6), (5.5, 5)):
        says = f"A batch of {count + 1} needs more than the {count} images .*; give a smaller --batch_size, or more"
        with pytest.raises(UserError, match=says):
            check_trainable(numbered(6), count + 1, train_size)
        check_trainable(numbered(6), count, train_size)
    with pytest.raises(UserError, match=r"--batch_size \(--preset auto has 16\), or more"):
        check_trainable(numbered(30), 64, np.inf)
    unlabelled = numbered(6, ("a",))
    unlabelled.labels[3] = -1
    with pytest.raises(UserError, match="Some images in here have no label; give --split train"):
        check_trainable(unlabelled, 1, np.inf)
    check_trainable(dataclasses.replace(unlabelled, class_names=()), 1, np.inf)


def test_batches_are_a_pure_function_of_seed_and_number():
    dataset = numbered(23)
    whole = list(itertools.islice(dataset.batches(5, 4, seed=0), 12))
    for start in (3, 4, 6):
        rest = itertools.islice(dataset.batches(5, 4, seed=0, start=start), 12 - start)
        for (images, labels), (i, la) in zip(whole[start:], rest, strict=True):
            assert (images == i).all()
            assert (labels == la).all()
            assert (images.ravel() == labels).all()
    assert len(set(np.concatenate([labels for _, labels in whole[:4]]))) == 20  # each image once in an epoch
    assert (whole[0][1] != whole[4][1]).any()  # shuffled anew
    assert (next(dataset.batches(5, 4, seed=1))[1] != whole[0][1]).any()


def test_mirrored_images():
    """Each epoch mirrors about half of the images, and not the same ones; the data set itself does not change."""
    images = np.zeros((10, 1, 4, 1), np.uint8)
    images[:, :, 0] = 100  # marks the left side
    dataset = Dataset(images, np.arange(10, dtype=np.int32), (), ImageSpec(1, 4, 1), "here", shuffle_each_epoch=True)
    seen = np.zeros((20, 10), bool)
    for number, (batch, labels) in enumerate(itertools.islice(dataset.batches(5, 2, seed=0, mirror=True), 40)):
        assert (batch.sum((1, 2, 3)) == 100).all()
        seen[number // 2, labels] = batch[:, 0, 3, 0] == 100
    assert 70 < seen.sum() < 130 and (seen.any(0) & ~seen.all(0)).all()
    assert (images[:, :, 0] == 100).all()


def test_pixels_that_equal_the_next_one():
    """Two of three pairs in the first row, one in the second, in which only a channel differs; not in a border."""
    rows = [[[0, 5], [0, 5], [0, 5], [9, 5]], [[0, 5], [0, 6], [9, 6], [9, 6]]]
    image = np.array(rows, np.uint8)  # [2, 4, 2]
    for border in (0, 3):
        images = np.pad(image[None], [(0, 0), (border, border), (0, 0), (0, 0)], constant_values=7)
        dataset = Dataset(images, np.zeros(1, np.int32), (), ImageSpec(2, 4, 2), "", shuffle_each_epoch=True)
        assert dataset.equal_neighbours() == pytest.approx(3 / 6)
    assert numbered(6).equal_neighbours() == 1  # images of one pixel
