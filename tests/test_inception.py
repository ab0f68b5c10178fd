"""The Inception graph of 2015, by a small stand-in with the same tensor names and one of its retired operations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import fails_with_one_sentence, main_here

import dcgan_tf
from dcgan_tf.evaluation import inception
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning


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
        kernel = np.random.default_rng(0).normal(size=(8, 8, 3, 6)).astype(np.float32)
        tf.raw_ops.Conv2D(input=x, filter=kernel, strides=[1, 1, 1, 1], padding="VALID", name="conv")
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
    kernel = np.random.default_rng(0).normal(size=(8, 8, 3, 6)).astype(np.float32)
    images = np.full((40, 20, 24, 1), 64, np.uint8)
    images[7] = 192
    features = inception.inception_2015(graph_file)(images)
    assert features.shape == (40, 6)
    response = kernel.sum((0, 1, 2)) / 2  # of a gray image at 192, which is 1/2
    np.testing.assert_allclose(features[0], (-response - 0.5) / 2 + 1, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(features[7], (response - 0.5) / 2 + 1, rtol=1e-4, atol=1e-4)


def test_gray_images_are_the_same_as_gray_colours(graph_file: Path):
    features = inception.inception_2015(graph_file)
    gray = np.random.default_rng(2).integers(0, 256, (3, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(features(gray), features(np.repeat(gray, 3, axis=3)))


def test_damaged_file_and_another_graph_are_refused(tmp_path: Path):
    (tmp_path / "noise.pb").write_bytes(b"no graph at all")
    (tmp_path / "other.pb").write_bytes(tf.Graph().as_graph_def().SerializeToString())
    for name in ("noise.pb", "other.pb", "missing.pb"):
        with pytest.raises(UserError, match=f"{name} is not the Inception graph of 2015 .*--inception"):
            inception.inception_2015(tmp_path / name)


def test_graph_is_found_in_cache_dir(graph_file: Path, tmp_path: Path):
    assert inception.graph_path("", str(graph_file.parent)) == graph_file
    assert inception.graph_path("", str(tmp_path)) is None
    with pytest.MonkeyPatch.context() as patch:  # where dcgan_tf.download puts it
        patch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
        (tmp_path / "home" / "dcgan_tf").mkdir(parents=True)
        downloaded = tmp_path / "home" / "dcgan_tf" / graph_file.name
        downloaded.touch()
        assert inception.graph_path("", str(tmp_path)) == downloaded
    assert inception.graph_path("x.pb", str(tmp_path)) == Path("x.pb")


def test_evaluate_gives_fid_only_in_this_graph(
    blobs_run: Path, images_dir: Path, graph_file: Path, capsys: pytest.CaptureFixture
):
    arguments = ["--dataset=blobs", "--evaluate", "--evaluate_samples=50", f"--data_dir={images_dir}"]
    main_here(*arguments, f"--inception={graph_file}", out_dir=blobs_run)
    out = capsys.readouterr().out
    assert re.search(r"\n  FID +\d", out) and "Inception of 2015" in out
    (file,) = blobs_run.glob("checkpoints/*/metrics.json")
    values = json.loads(file.read_text())
    assert values["fid"] > 0 and "frechet" not in values
    fails_with_one_sentence(*arguments, "--inception=none.pb", cwd=blobs_run, says="none.pb is not the Inception")


def test_keras_input_takes_gray_and_colour():
    gray = inception.keras_input(np.full((2, 28, 28, 1), 255, np.uint8))
    colour = inception.keras_input(np.zeros((2, 64, 64, 3), np.uint8))
    assert gray.shape == colour.shape == (2, 299, 299, 3)
    assert float(gray.numpy().min()) == 1 and float(colour.numpy().max()) == -1


def test_a_warning_points_at_the_line_that_called(blobs_run: Path, images_dir: Path, graph_file: Path):
    run = dcgan_tf.load("blobs-small", out_dir=blobs_run, data_dir=str(images_dir))
    with pytest.warns(DcganWarning, match="too few for FID") as caught:
        run.evaluate(evaluate_samples=1, inception=str(graph_file))
    assert caught[0].filename == __file__


def test_too_few_images_for_the_features_are_a_warning(blobs_run: Path, images_dir: Path, graph_file: Path):
    flags = ["--dataset=blobs", "--evaluate", f"--data_dir={images_dir}", f"--inception={graph_file}"]
    with pytest.warns(DcganWarning, match="1 generated and 1 real images are too few for FID, KID"):
        main_here(*flags, "--evaluate_samples=1", out_dir=blobs_run)
    text = (blobs_run / "checkpoints/blobs-small/metrics.json").read_text()
    scores = json.loads(text, parse_constant=pytest.fail)  # NaN is not JSON
    assert "swd" in scores and "fid" not in scores
