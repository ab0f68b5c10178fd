"""What tensorflow-datasets has prepared, or can fetch."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from helpers import fails_with_one_sentence, load

from dcgan_tf.data import tfds
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.errors import UserError

pytestmark = pytest.mark.usefixtures("shown")


def test_tensorflow_datasets_prepared_on_disk(tmp_path, capsys):
    import tensorflow as tf
    from tensorflow_datasets import dataset_builders, features

    random = np.random.default_rng(0)
    arrays = random.integers(0, 256, (32, 20, 24, 3), np.uint8)
    labels = np.arange(32) % 3
    parts = {"train": slice(20), "test": slice(20, 32)}
    builder = dataset_builders.TfDataBuilder(
        name="my_set",
        version="1.2.0",
        data_dir=tmp_path,
        split_datasets={
            split: tf.data.Dataset.from_tensor_slices({"photo": arrays[part], "kind": labels[part]})
            for split, part in parts.items()
        },
        features=features.FeaturesDict(
            {"photo": features.Image(shape=(20, 24, 3)), "kind": features.ClassLabel(names=["a", "b", "c"])}
        ),
    )
    builder.download_and_prepare()
    dataset = load(tmp_path / "my_set", conditional=True, output_height=20, output_width=24)
    assert dataset.class_names == ("a", "b", "c") and dataset.images.shape == (32, 20, 24, 3)
    assert sorted(image.tobytes() for image in dataset.images) == sorted(array.tobytes() for array in arrays)
    label_of = {array.tobytes(): label for array, label in zip(arrays, labels, strict=True)}
    assert [label_of[image.tobytes()] for image in dataset.images] == dataset.labels.tolist()
    capsys.readouterr()
    again = load(tmp_path / "my_set", conditional=True, output_height=20, output_width=24)
    assert "read from the cache" in capsys.readouterr().out and again.labels.tolist() == dataset.labels.tolist()
    for stray in ("incomplete.A1B2C3_1.2.0", ".1.9.0", "1.3.0.bak"):
        shutil.copytree(tmp_path / "my_set" / "1.2.0", tmp_path / "my_set" / stray)
    train = load(tmp_path / "my_set", split="train", output_height=20, output_width=24)
    assert train.location == f"{tmp_path}/my_set/1.2.0"
    np.testing.assert_array_equal(train.images, dataset.images[:20])
    record = next(tmp_path.glob("my_set/1.2.0/*train.tfrecord*"))
    record.write_bytes(record.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged"):
        load(tmp_path / "my_set")


def test_what_is_not_there_is_fetched(tmp_path, monkeypatch):
    """What a killed download or another system leaves does not block it."""
    args = ["--train", f"--data_dir={tmp_path}", f"--out_dir={tmp_path}"]
    fails_with_one_sentence("--dataset=celeb_a", *args, cwd=tmp_path, says="tensorflow-datasets cannot fetch it")
    fails_with_one_sentence(*args, cwd=tmp_path, says="python -m dcgan_tf.download celebA")
    assert not (tmp_path / "checkpoints").exists()
    for name in ("incomplete.A1B2C3_3.0.2/cifar10-train.tfrecord-00000-of-00001", ".DS_Store"):
        (tmp_path / "cifar10" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cifar10" / name).write_bytes(b"x")
    fetched = []
    monkeypatch.setattr(tfds, "_fetch", lambda *args: fetched.append(args))
    with pytest.raises(UserError, match="There is no data set"):
        read_dataset(Asked(dataset="cifar10", data_dir=str(tmp_path)))
    assert fetched == [("cifar10", str(tmp_path))]
