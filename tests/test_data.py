"""MNIST's order, folders of pictures, and the order of batches."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from dcgan_tf import data
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError

ORDER = json.loads((Path(__file__).parent / "golden" / "mnist_order.json").read_text())


def test_mnist_is_the_originals_in_the_originals_order(mnist_dir: Path):
    dataset, config = data.load(Config(dataset="mnist", data_dir=str(mnist_dir)))
    assert dataset.images.shape == (70000, 28, 28, 1)
    assert dataset.images.dtype == np.uint8
    assert dataset.labels[:64].tolist() == ORDER["labels_first_64"]
    assert dataset.images[:8].sum((1, 2, 3)).tolist() == ORDER["pixel_sums_of_first_8_images"]
    assert np.bincount(dataset.labels).tolist() == ORDER["label_counts"]
    assert (config.output_height, config.output_width, config.c_dim, config.y_dim) == (28, 28, 1, 10)
    assert (dataset.order(547, 0) == dataset.order(547, 7)).all()  # not shuffled again


def test_mnist_split_and_size(mnist_dir: Path):
    config = Config(dataset="mnist", data_dir=str(mnist_dir), split="train", output_height=32)
    dataset, config = data.load(config)
    assert dataset.images.shape == (60000, 32, 32, 1)
    assert (config.output_height, config.output_width) == (32, 32)


def test_a_folder_of_pictures(pictures_dir: Path):
    config = Config(dataset="blobs", data_dir=str(pictures_dir), output_height=16, output_width=20, batch_size=40)
    dataset, config = data.load(config)
    assert dataset.images.shape == (40, 16, 20, 3)
    assert (config.c_dim, config.y_dim) == (3, 0)
    only_png = Config(dataset="blobs", data_dir=str(pictures_dir), input_fname_pattern="*.png", batch_size=5)
    assert len(data.load(only_png)[0].images) == 20


def test_crop_takes_the_centre_and_resize_takes_all(tmp_path: Path):
    (tmp_path / "one").mkdir()
    picture = np.zeros((11, 14, 3), np.uint8)
    picture[2:8, 3:11] = 200  # the centre 6 x 8, whose top is int(round(2.5)) = 2
    iio.imwrite(tmp_path / "one" / "a.png", picture)
    config = Config(dataset="one", data_dir=str(tmp_path), output_height=6, output_width=8, batch_size=1)
    cropped = dataclasses.replace(config, crop=True, input_height=6, input_width=8)
    assert (data.load(cropped)[0].images == 200).all()
    whole = data.load(config)[0].images
    assert whole[0, 0, 0, 0] == 0
    assert whole[0, 3, 4, 0] == 200


def test_batches_are_a_pure_function_of_seed_and_iteration():
    images = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)
    dataset = data.Dataset(images, np.arange(23, dtype=np.int32), "here", reshuffled=True)
    config = Config(batch_size=5, train_size=20)
    whole = list(itertools.islice(dataset.batches(config, 0), 12))
    assert [epoch for epoch, _, _ in whole] == [0] * 4 + [1] * 4 + [2] * 4
    for start in (3, 4, 6):
        rest = itertools.islice(dataset.batches(config, start), 12 - start)
        for (epoch, pictures, labels), (e, p, la) in zip(whole[start:], rest, strict=True):
            assert epoch == e
            assert (pictures == p).all()
            assert (labels == la).all()
            assert (pictures.ravel() == labels).all()
    assert len(set(np.concatenate([labels for _, _, labels in whole[:4]]))) == 20  # each picture once an epoch
    assert (whole[0][2] != whole[4][2]).any()  # shuffled anew
    other = dataclasses.replace(config, seed=1)
    assert (next(dataset.batches(other, 0))[2] != whole[0][2]).any()


def test_data_that_cannot_be_trained_on(tmp_path: Path, pictures_dir: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    for config, says in (
        (Config(dataset="nothing", data_dir=str(tmp_path)), "There is no data set 'nothing'"),
        (Config(dataset="empty", data_dir=str(tmp_path)), "No pictures"),
        (Config(dataset="broken", data_dir=str(tmp_path)), "a.png cannot be read"),
        (Config(dataset="blobs", data_dir=str(pictures_dir)), "A batch of 64 is larger than the data, 40 pictures"),
        (Config(dataset="blobs", data_dir=str(pictures_dir), crop=True), "40 wide and 36 high, too small for a --crop"),
    ):
        with pytest.raises(UserError, match=says):
            data.load(config)
