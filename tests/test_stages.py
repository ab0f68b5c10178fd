"""--stages: networks of any depth, and with classes in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tensorflow as tf
from compare_runs import assert_same_run
from helpers import ROOT, cut, images_of, main_here

from dcgan_tf import latents, losses
from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.layers import BatchNorm
from dcgan_tf.model import DCGAN
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.runs.run import Runs
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.values import automatic_stages
from dcgan_tf.system import messages
from dcgan_tf.training.start import choose_preset

CLASSES = Config(
    output_height=16, output_width=12, c_dim=1, class_names=("a", "b", "c"), z_dim=6, batch_size=16,
    gf_dim=4, df_dim=4, g_ema=0.5, sync_bn=True, strategy="mirrored", stages="2",
)  # fmt: skip


def test_auto_ends_at_about_four_pixels():
    for height, width, stages in ((28, 28, "3"), (48, 64, "4"), (256, 300, "6"), (3, 3, "1")):
        assert automatic_stages(height, width) == stages


def test_filters_of_each_stage():
    """At most 8 times the first."""
    config = Config(output_height=128, output_width=128, c_dim=3, gf_dim=4, df_dim=4, stages="5")
    generator = build_generator(config)
    discriminator = build_discriminator(config)
    assert generator.base_shape == (4, 4, 32)
    sizes = [(8, 8, 32), (16, 16, 16), (32, 32, 8), (64, 64, 4), (128, 128, 3)]
    assert [(*deconv.size, deconv.units) for deconv in generator.deconvs] == sizes
    assert [conv.units for conv in discriminator.convs] == [4, 8, 16, 32, 32]
    images = generator(tf.zeros([2, 100]), tf.zeros([2, 0]), training=False)
    assert discriminator.activations(images, training=False)[-1].shape == (2, 4, 4, 32)
    assert discriminator(images, tf.zeros([2, 0]), training=False).shape == (2, 1)


def test_class_batch_norm_is_batch_norm_with_the_numbers_of_the_class():
    x = tf.constant(np.random.default_rng(0).normal(2, 3, (4, 5, 6, 3)), tf.float32)
    labels = tf.one_hot([1, 0, 1, 1], 2)
    plain = BatchNorm()
    by_class = BatchNorm(2)
    normalized = plain(x, training=True).numpy()
    by_class(x, labels, training=False)  # makes the variables
    gamma = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    beta = np.array([[10, 20, 30], [40, 50, 60]], np.float32)
    by_class.gamma.assign(gamma)
    by_class.beta.assign(beta)
    chosen = [1, 0, 1, 1]
    expected = normalized * gamma[chosen][:, None, None] + beta[chosen][:, None, None]
    np.testing.assert_allclose(by_class(x, labels, training=True), expected, rtol=1e-5)
    np.testing.assert_allclose(by_class.moving_mean, plain.moving_mean, rtol=1e-6)


def test_the_projection_by_hand():
    discriminator = build_discriminator(CLASSES)
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, 16, 12, 1)), tf.float32)
    labels = tf.one_hot([2, 0, 1], 3)
    last = discriminator.activations(images, training=False)[-1].numpy()
    assert last.shape == (3, 4, 3, 8)
    flat = last.reshape(3, -1) @ discriminator.linear.kernel.numpy()
    vectors = discriminator.class_vectors.kernel.numpy()[[2, 0, 1]]
    expected = flat[:, 0] + (vectors * last.sum((1, 2))).sum(1)
    np.testing.assert_allclose(discriminator(images, labels, training=False)[:, 0], expected, rtol=1e-4, atol=1e-7)


def test_the_class_loss_by_hand():
    """D names the class of real images by the products of all classes; what is logged does not have it."""
    config = dataclasses.replace(CLASSES, class_loss=0.1, sync_bn=False)
    model = DCGAN(config)
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (3, 16, 12, 1)), tf.float32)
    chosen = [2, 0, 1]
    labels = tf.one_hot(chosen, 3)
    output = model.discriminator(images, labels, training=True)
    sums = tf.reduce_sum(model.discriminator.activations(images, training=True)[-1], [1, 2]).numpy()
    products = sums @ model.discriminator.class_vectors.kernel.numpy().T
    expected = [row[label] - np.log(np.exp(row).sum()) for row, label in zip(products, chosen, strict=True)]
    np.testing.assert_allclose(output[:, 1], expected, rtol=1e-4)
    assert model.discriminator(images, labels, training=False).shape == (3, 1)
    assert float(losses.d_class_loss(output)) == pytest.approx(-np.mean(expected), rel=1e-4)
    gradients = []
    for factor in (0.0, 0.1, 0.3):
        out = DCGAN(dataclasses.replace(config, class_loss=factor)).update(images, labels, tf.ones((3, 6)))
        assert float(out["d_loss"]) == pytest.approx(float(out["d_loss_real"] + out["d_loss_fake"]), rel=1e-6)
        gradients.append(out["grad_D"][0].numpy())
    without, small, large = gradients
    assert abs(small - without).max() > 1e-4
    np.testing.assert_allclose(large - without, 3 * (small - without), atol=1e-5)


def test_classes_begin_with_numbers_of_their_own():
    generators = [build_generator(dataclasses.replace(CLASSES, seed=seed)) for seed in (1, 1, 2)]
    gammas, again, others = (generator.norms[0].gamma.numpy() for generator in generators)
    beta = generators[0].norms[0].beta.numpy()
    assert (gammas == again).all() and (gammas != others).all() and (gammas - 1 != beta).all()
    assert 0.2 < gammas.std() < 0.8 and 0.6 < gammas.mean() < 1.4


def test_weight_decay_leaves_the_numbers_of_the_classes_alone():
    config = dataclasses.replace(CLASSES, weight_decay=1e6, sync_bn=False)
    with tf.name_scope("of_the_caller"):
        model = DCGAN(config)
    inputs = np.zeros((4, 16, 12, 1), np.float32), tf.one_hot([0, 1, 2, 0], 3), np.ones((4, 6), np.float32)
    gradients = model.update(*inputs)["grad_G1"]
    for variable, gradient in zip(model.generator.trainable_variables, gradients, strict=True):
        decayed = float(tf.reduce_max(tf.abs(gradient))) > 100
        assert decayed == (len(variable.shape) > 1 and "_bn" not in variable.path), variable.path


def test_a_folder_with_labels_trains_resumes_and_shows_every_class(classes_run: Path, classes_dir: Path):
    run = Runs(str(classes_run)).named("classes-small")
    config = run.config()
    assert (config.stages, config.class_names, config.value_range) == ("2", ("dark", "light"), (-1, 1))
    assert_same_run(classes_run, "parts", "classes-small", 12, sheets_of="classes-small")
    sheet = cut(iio.imread(run.samples_folder / "train_00000012.png"), 3, 3)
    z = latents.sample_z(config.z_dist, config.seed, 0, (8, config.z_dim))
    expected = images_of(classes_run, "classes-small", np.asarray(z), [0, 1] * 4)
    assert np.abs(sheet.reshape(9, *expected.shape[1:])[:8].astype(int) - expected).max() <= 1
    main_here("--out_name=classes-small", "--grid=2x3", out_dir=classes_run)
    grid = cut(iio.imread(run.samples_folder / "grid_2x3.png"), 2, 3)
    z = latents.z_from_seeds(range(3), config.z_dim, config.z_dist)
    for label, row in enumerate(grid):
        expected = images_of(classes_run, "classes-small", z, [label] * 3)
        assert np.abs(row.astype(int) - expected).max() <= 1
    assert (grid[0] != grid[1]).any()


@pytest.mark.parametrize(
    ("shape", "is_idx", "classes", "preset", "why"),
    [
        ((2001, 28, 28, 1), True, ("a", "b"), "best", "2,001 images with labels, as MNIST's"),
        ((2001, 30, 28, 1), True, ("a", "b"), "large", "2,001 images"),  # MNIST's networks halve an image twice
        ((2001, 28, 28, 3), True, ("a", "b"), "large", ""),
        ((2001, 28, 28, 1), False, ("a", "b"), "large", ""),
        ((2001, 28, 28, 1), True, (), "large", ""),
        ((2000, 28, 28, 1), True, ("a", "b"), "small", "2,000 images, 100% of whose pixels equal the next one"),
    ],
)
def test_preset_auto_looks_at_the_images(
    shape: tuple, is_idx: bool, classes: tuple, preset: str, why: str, capsys: pytest.CaptureFixture
):
    labels = np.zeros(shape[0], np.int32)
    dataset = Dataset(np.zeros(shape, np.uint8), labels, classes, ImageSpec(*shape[1:]), "here", not is_idx)
    with messages.shown():
        assert choose_preset(dataset) == preset
    assert f"Preset:      {preset}: {why}" in capsys.readouterr().out


def test_a_checkpoint_of_the_original_continues_on_a_folder_with_labels(tmp_path: Path):
    for number in range(10):
        (tmp_path / "data" / "ten" / f"class{number}").mkdir(parents=True)
        image = np.random.default_rng(number).integers(0, 256, (28, 28), np.uint8)
        iio.imwrite(tmp_path / "data" / "ten" / f"class{number}" / "0.png", image)
    checkpoint = ROOT / "tests" / "original_checkpoint" / "model.b32-600"
    args = ["--dataset=ten", f"--data_dir={tmp_path}/data", "--conditional", f"--checkpoint={checkpoint}"]
    main_here(*args, "--train", "--stages=auto", "--batch_size=4", "--iterations=2", "--out_name=run", out_dir=tmp_path)
    assert Runs(str(tmp_path)).named("run").config().stages == "original"
