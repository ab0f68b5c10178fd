"""Feature spaces. The Inception graph of 2015 has a stand-in with the same tensor names and one retired operation."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import main_here

import dcgan_tf
from dcgan_tf.download import fetch
from dcgan_tf.evaluation import evaluator, metrics, spaces
from dcgan_tf.evaluation.metrics import Metric, Sets
from dcgan_tf.evaluation.spaces import Classifier, FeatureSpace, Inception2015, KerasInception, graph_path
from dcgan_tf.system.cache import DiskCache
from dcgan_tf.system.errors import UserError

KERNEL = np.random.default_rng(0).normal(size=(8, 8, 3, 6)).astype(np.float32)


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen graph from a JPEG file to pool_3 like the real one, but with one convolution and 6 features."""
    graph = tf.Graph()
    with graph.as_default():
        jpeg = tf.compat.v1.placeholder(tf.string, [], name="DecodeJpeg/contents")
        image = tf.cast(tf.raw_ops.DecodeJpeg(contents=jpeg, channels=3), tf.float32, name="Cast")
        x = tf.raw_ops.ExpandDims(input=image, axis=0, name="ExpandDims")
        x = tf.raw_ops.ResizeBilinear(images=x, size=[299, 299], name="ResizeBilinear")
        x = tf.raw_ops.AvgPool(value=(x - 128) / 128, ksize=[1, 37, 37, 1], strides=[1, 37, 37, 1], padding="VALID")
        tf.raw_ops.Conv2D(input=x, filter=KERNEL, strides=[1, 1, 1, 1], padding="VALID", name="conv")
        for name, value in (("mean", 0.5), ("variance", 4), ("beta", 1), ("gamma", 1)):
            tf.constant(np.full(6, value, np.float32), name=name)
    definition = graph.as_graph_def()
    # TensorFlow 2 cannot build this operation, but still computes it in a graph as old as the real one.
    norm = definition.node.add(name="norm", op="BatchNormWithGlobalNormalization")
    norm.input.extend(["conv", "mean", "variance", "beta", "gamma"])
    norm.attr["T"].type = tf.float32.as_datatype_enum
    norm.attr["variance_epsilon"].f = 0
    norm.attr["scale_after_normalization"].b = False
    pool = definition.node.add(name="pool_3", op="Identity", input=["norm"])
    pool.attr["T"].type = tf.float32.as_datatype_enum
    definition.versions.producer = 8
    path = tmp_path_factory.mktemp("inception") / "classify_image_graph_def.pb"
    path.write_bytes(definition.SerializeToString())
    return path


def test_images_pass_through_the_graph_at_their_own_size(graph_file: Path):
    images = np.full((40, 20, 24, 1), 64, np.uint8)
    images[7] = 192
    space = Inception2015(graph_file)
    features = space.of(images)
    assert features.shape == (40, 6)
    response = KERNEL.sum((0, 1, 2)) / 2  # of a gray image at 192, which is 1/2
    np.testing.assert_allclose(features[0], (-response - 0.5) / 2 + 1, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(features[7], (response - 0.5) / 2 + 1, rtol=1e-4, atol=1e-4)
    gray = np.random.default_rng(2).integers(0, 256, (3, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(space.features(gray), space.features(np.repeat(gray, 3, axis=3)))


def test_damaged_file_and_another_graph_are_refused(tmp_path: Path):
    (tmp_path / "noise.pb").write_bytes(b"no graph at all")
    (tmp_path / "other.pb").write_bytes(tf.Graph().as_graph_def().SerializeToString())
    for name in ("noise.pb", "other.pb", "missing.pb"):
        with pytest.raises(UserError, match=f"{name} is not the Inception graph of 2015 .*--inception"):
            Inception2015(tmp_path / name)


def test_graph_is_found_in_cache_dir(graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert graph_path("", str(graph_file.parent)) == graph_file
    assert graph_path("", str(tmp_path)) is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))  # where dcgan_tf.download puts it
    downloaded = tmp_path / "home" / "dcgan_tf" / graph_file.name
    downloaded.parent.mkdir(parents=True)
    downloaded.touch()
    assert graph_path("", str(tmp_path)) == downloaded
    assert graph_path("x.pb", str(tmp_path)) == Path("x.pb")


class Colour(FeatureSpace):
    """The mean colour."""

    name = "mean colour"
    batch = 7

    def features(self, images: np.ndarray) -> np.ndarray:
        return images.mean((1, 2))


def test_fid_in_another_space_is_a_class_and_a_row(
    blobs_run: Path, images_dir: Path, graph_file: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    row = Metric("fid_colour", "FID in mean colours", ".4g", Sets.frechet, (Colour,))
    for module in (metrics, evaluator, dcgan_tf.evaluation.evaluate):
        monkeypatch.setattr(module, "METRICS", (*metrics.METRICS, row))
    arguments = ["--dataset=blobs", "--evaluate", "--evaluate_samples=50", f"--data_dir={images_dir}"]
    main_here(*arguments, f"--inception={graph_file}", out_dir=blobs_run)
    values = json.loads((blobs_run / "checkpoints/blobs-small/metrics.json").read_text())
    assert values["fid"] > 0 and values["fid_colour"] > 0 and values["fid"] != values["fid_colour"]
    assert "frechet" not in values
    out = capsys.readouterr().out
    assert re.search(r"\n  FID +\d", out) and "Inception of 2015" in out
    assert re.search(r"\n  FID in mean colours +\d", out)
    run = dcgan_tf.load("blobs-small", out_dir=blobs_run)
    real = dcgan_tf.data.dataset.read_dataset(run.config).images.mean((1, 2))
    assert values["fid_colour"] == pytest.approx(metrics.frechet_distance(real, run.generate(50).mean((1, 2))))


def test_too_few_images_are_an_error(blobs_run: Path, images_dir: Path, graph_file: Path):
    run = dcgan_tf.load("blobs-small", out_dir=blobs_run, data_dir=str(images_dir))
    with pytest.raises(UserError, match="at least two generated and two real images, but there are 1 and 40; give"):
        run.evaluate(evaluate_samples=1, inception=str(graph_file))


def test_the_classifier_learns_a_few_images_always_in_the_same_way(tmp_path: Path):
    """Five epochs of 100 images would be five steps."""
    labels = np.arange(120, dtype=np.int32) % 2
    levels = np.random.default_rng(0).normal(100 + 50 * labels, 15)
    images = np.broadcast_to(levels[:, None, None, None], (120, 16, 16, 1)).clip(0, 255).astype(np.uint8)
    found = []
    for seed in (1, 2):
        tf.random.set_seed(seed)
        np.random.seed(seed)
        classifier = Classifier(images[:100], labels[:100], 2, DiskCache(tmp_path, 1, enabled=False))
        found.append(classifier.of(images[100:]))
        assert np.mean(classifier.classes(found[-1]) == labels[100:]) >= 0.9
    np.testing.assert_array_equal(*found)


def test_pool_by_hand():
    x = np.arange(14 * 14, dtype=np.float32).reshape(1, 14, 14, 1)
    pooled = spaces.pool(x).numpy().reshape(4, 4)
    assert pooled.shape == (4, 4) and pooled[3, 3] == 14 * 14 - 1
    assert spaces.pool(x[:, :3, :2]).shape == (1, 6)


def test_weights_of_keras_are_fetched_once_and_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setattr(spaces, "KERAS_INCEPTION", dataclasses.replace(spaces.KERAS_INCEPTION, urls=(url,)))
        with pytest.raises(UserError, match=f"downloaded or read .*timed out.*, or put inception_v3.* into {tmp_path}"):
            KerasInception()
    assert capsys.readouterr().out == ""
    given = {}
    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: given.update(options))
    file = tmp_path / "models" / spaces.KERAS_INCEPTION.name
    file.write_bytes(b"weights")
    KerasInception()
    assert given["weights"] == str(file)
