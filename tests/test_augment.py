"""DiffAugment: the numbers of each change, its gradients, and that it reaches D in both updates."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from dcgan_tf import losses
from dcgan_tf.augment import augment, sample_augmentations
from dcgan_tf.latents import sample_z
from dcgan_tf.model import DCGAN
from dcgan_tf.pixels import to_float
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.values import AUGMENTATIONS

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 16, 24, 3)).astype(np.float32)
SIGNED = (-1.0, 1.0)


def changed(kind: str, *numbers: float, images: np.ndarray = IMAGES) -> np.ndarray:
    """Return the images changed by these random numbers; the others are 0.5."""
    random = np.full((len(images), 7), 0.5, np.float32)
    first = {"color": 0, "translation": 3, "cutout": 5}[kind]
    random[:, first : first + len(numbers)] = numbers
    return augment(images, random, (kind,), SIGNED).numpy()


def test_colour():
    np.testing.assert_allclose(changed("color", 0.75, 0.5, 0.5), IMAGES + 0.25, atol=1e-6)
    gray = IMAGES.mean(3, keepdims=True)
    np.testing.assert_allclose(changed("color", 0.5, 0.0, 0.5), gray + 0 * IMAGES, atol=1e-6)
    np.testing.assert_allclose(changed("color", 0.5, 0.75, 0.5), gray + 1.5 * (IMAGES - gray), atol=1e-6)
    mean = IMAGES.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(changed("color", 0.5, 0.5, 0.0), mean + 0.5 * (IMAGES - mean), atol=1e-6)


def test_translation_shifts_by_at_most_an_eighth_and_leaves_zeros():
    assert (changed("translation", 0.5, 0.5) == IMAGES).all()
    down_right = changed("translation", 0.99, 0.99)  # 2 rows and 3 columns
    assert (down_right[:, 2:, 3:] == IMAGES[:, :-2, :-3]).all()
    assert not down_right[:, :2].any() and not down_right[:, :, :3].any()
    up_left = changed("translation", 0.0, 0.0)
    assert (up_left[:, :-2, :-3] == IMAGES[:, 2:, 3:]).all()
    assert not up_left[:, -2:].any() and not up_left[:, :, -3:].any()
    found = [changed("translation", u, 0.5)[0, :, 0, 0] == IMAGES[0, 8, 0, 0] for u in np.arange(0, 1, 0.1)]
    assert {int(np.argmax(rows)) for rows in found} == {6, 7, 8, 9, 10}


def test_cutout_is_half_the_height_and_width():
    middle = changed("cutout", 0.5, 0.5)
    assert not middle[:, 4:12, 6:18].any()
    middle[:, 4:12, 6:18] = IMAGES[:, 4:12, 6:18]
    assert (middle == IMAGES).all()
    corner = changed("cutout", 0.0, 0.999)
    assert (corner == 0).sum() == 2 * 4 * 6 * 3 and not corner[:, :4, -6:].any()


def test_a_value_range_from_0_to_1_gives_the_same_images():
    random = sample_augmentations(1, 1, 2, 1)[:, 0]
    signed = augment(IMAGES, random, AUGMENTATIONS, SIGNED)
    unsigned = augment((IMAGES + 1) / 2, random, AUGMENTATIONS, (0.0, 1.0))
    np.testing.assert_allclose(unsigned, (signed + 1) / 2, atol=1e-6)


def test_each_image_and_each_pass_has_its_own_numbers():
    random = sample_augmentations(547, 3, 64, 4).numpy()
    assert random.shape == (64, 4, 7) and len(np.unique(random)) > 0.99 * random.size
    assert random.min() >= 0 and random.max() < 1 and abs(random.mean() - 0.5) < 0.02
    assert (random == sample_augmentations(547, tf.constant(3, tf.int64), 64, 4)).numpy().all()
    for other in (sample_augmentations(547, 4, 64, 4), sample_augmentations(548, 3, 64, 4)):
        assert (random != other).numpy().mean() > 0.99


@pytest.mark.parametrize("value_range", [SIGNED, (0.0, 1.0)])
def test_p_leaves_images_as_they_are(value_range: tuple[float, float]):
    """An image is changed if its last number is below p, and has its gradient whether it is changed or not."""
    images = tf.constant(np.tile(IMAGES[:1], (4, 1, 1, 1)).clip(*value_range))
    random = np.full((4, 8), 0.9, np.float32)
    random[:, 7] = [0, 0.299, 0.301, 0.999]
    always = augment(images, random, AUGMENTATIONS, value_range).numpy()
    with tf.GradientTape() as tape:
        tape.watch(images)
        some = augment(images, random, AUGMENTATIONS, value_range, p=0.3)
        total = tf.reduce_sum(some)
    np.testing.assert_array_equal(some[:2], always[:2])
    np.testing.assert_array_equal(some[2:], images[2:])
    assert abs(always - images.numpy()).max() > 0.1
    gradient = tape.gradient(total, images).numpy()
    assert (gradient[2:] == 1).all() and (gradient[:2] != 1).any()


def test_gradients_are_those_of_the_changes():
    """All changes are linear in the image, apart from a constant: a difference gives the gradient."""
    random = sample_augmentations(1, 1, 2, 1)[:, 0]
    weights = np.random.default_rng(1).normal(size=IMAGES.shape).astype(np.float32)
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(augment(images, random, AUGMENTATIONS, SIGNED) * weights)
    gradient = tape.gradient(total, images).numpy()
    direction = np.random.default_rng(2).normal(size=IMAGES.shape).astype(np.float32)
    moved = tf.reduce_sum(augment(images + direction, random, AUGMENTATIONS, SIGNED) * weights)
    assert float(moved - total) == pytest.approx(float((gradient * direction).sum()), rel=1e-3)


@pytest.mark.parametrize(("xla", "p"), [("off", 1), ("off", 0.5), pytest.param("on", 0.5, marks=pytest.mark.slow)])
def test_the_step_augments_all_that_d_sees(xla: str, p: float):
    """The losses of the step equal those of the same updates by hand: real, fake, and fake in G's update."""
    config = Config(
        output_height=16, output_width=16, c_dim=3, gf_dim=4, df_dim=4, z_dim=6, batch_size=8, g_steps=1,
        augment="color,translation,cutout", augment_p=p, xla=xla,
    )  # fmt: skip
    images = np.random.default_rng(0).integers(256, size=(8, 16, 16, 3), dtype=np.uint8)
    model, by_hand = DCGAN(config), DCGAN(config)
    logged = model.compiled()(images[None], np.zeros((1, 8), np.int32))

    assert (logged["z"] == sample_z("uniform_signed", config.seed, 1, (8, 6))).numpy().all()  # with XLA, too
    random, labels = sample_augmentations(config.seed, 1, 8, 3, p), tf.zeros([8, 0])

    def d_logits(images: tf.Tensor, number: int) -> tf.Tensor:
        changed = augment(images, random[:, number], AUGMENTATIONS, SIGNED, p)
        return by_hand.discriminator(changed, labels, training=True)

    fake = by_hand.generator(logged["z"], labels, training=True)
    weights = [v.value for v in by_hand.discriminator.trainable_variables]
    with tf.GradientTape() as tape:
        real_loss = losses.d_loss_real(d_logits(to_float(images, SIGNED), 0))
        fake_loss = losses.d_loss_fake(d_logits(fake, 1))
        d_loss = real_loss + fake_loss
    by_hand.d_optimizer.apply(tape.gradient(d_loss, weights))
    assert float(logged["d_loss_real"]) == pytest.approx(float(real_loss), rel=1e-5)
    assert float(logged["d_loss_fake"]) == pytest.approx(float(fake_loss), rel=1e-5)
    assert float(logged["g_loss"]) == pytest.approx(float(losses.g_loss(d_logits(fake, 2))), rel=1e-4)
