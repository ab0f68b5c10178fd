"""--project: find the z whose image is most like a given one, by gradient descent on z."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf import latents
from dcgan_tf.data.decode import read_image
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.optimizer import Adam
from dcgan_tf.pixels import to_float
from dcgan_tf.runs import checkpoint, pretrained
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling.sheets import make_sample_fn, save_and_print
from dcgan_tf.settings.config import Z_DISTS, Config
from dcgan_tf.system import image_files

STARTS = 64  # random z to begin with; with labels, at least 8 for each class
KEPT = 8  # the best of them, which are improved to the end
FIRST_STEPS, LAST_STEPS = 50, 500  # of gradient descent, with all starts and with those that are kept
LEARNING_RATE = 0.05
FEATURE_WEIGHT = 0.1  # of the distance in D's features, beside the one in pixels

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # images [B, H, W, C] and one-hot labels [B, Y] -> distances [B]


class Projection(NamedTuple):
    """The z that was found for an image."""

    z: np.ndarray  # float32 [Z]
    label: int  # its class; 0 without labels
    image: np.ndarray  # what the generator makes of it, uint8 [H, W, C]
    rms: float  # how much that differs from the given image, in gray levels (0 to 255)


def write_projection(run: Run, config: Config, path: Path, *, classes: Sequence[int]) -> None:
    """Write the image beside its reconstruction, and the z of the reconstruction.

    Args:
      path: of the image; it is resized as for training.
      classes: with labels, the classes to try; empty without labels.
    Raises: UserError if the image cannot be read, or the run has no checkpoint that can be read.
    """
    target = read_image(path, ImageSpec.of(config))
    found = project(run, config, target, classes)
    print(f"The reconstruction differs from the image by {found.rms:.1f} gray levels of 255 (RMS).")
    if classes:
        print(f"Its class is {config.class_names[found.label]}.")
    pair = image_files.sheet(np.stack([target, found.image]), 2)
    save_and_print(image_files.save_png, run.samples / f"project_{path.stem}.png", pair)
    save_and_print(image_files.save_array, run.samples / f"project_{path.stem}_z.npy", found.z)


def project(run: Run, config: Config, target: np.ndarray, classes: Sequence[int]) -> Projection:
    """Find the z, and with labels the class, whose image is nearest to the target.

    Nearest is measured in pixels and, if the run has a discriminator, with less weight in its features.

    Args:
      target: uint8 [H, W, C].
      classes: with labels, the classes to try; empty without labels.
    Raises: UserError if the run has no checkpoint that can be read.
    """
    generator, path = checkpoint.load_generator(run, config)
    print(f"Generator: {path}")
    has_discriminator = not run.pretrained or pretrained.has_discriminator(run.pretrained)
    discriminator = checkpoint.load_discriminator(run, config)[0] if has_discriminator else None
    loss = make_loss(discriminator, config, target)
    count = max(STARTS, 8 * len(classes))
    z = latents.z_from_seeds(range(config.seed, config.seed + count), config.z_dim, config.z_dist)
    labels = latents.cycle_labels(range(count), classes)
    for steps, kept in ((FIRST_STEPS, KEPT), (LAST_STEPS, 1)):
        z, distances = descend(generator, loss, config, z, labels, steps)
        best = np.argsort(distances)[:kept]
        z, labels = z[best], labels[best]
    # The search is for z itself, so its image is not truncated.
    image = make_sample_fn(generator, dataclasses.replace(config, truncation=1), 1)(z, labels)[0]
    rms = np.sqrt(np.mean(np.square(image.astype(float) - target)))
    return Projection(z[0], int(labels[0]), image, float(rms))


def make_loss(discriminator: keras.Model | None, config: Config, target: np.ndarray) -> Loss:
    """Return the distance to the target: mean squared differences in pixels and, with less weight, in D's features."""
    image = to_float(tf.constant(target[None]), config.value_range)

    def loss(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        distance = tf.reduce_mean(tf.square(images - image), (1, 2, 3))
        if discriminator is None:
            return distance
        targets = tf.repeat(image, tf.shape(images)[0], 0)
        found = discriminator.activations(images, labels, training=False)
        wanted = discriminator.activations(targets, labels, training=False)
        for a, b in zip(found, wanted, strict=True):
            scale = FEATURE_WEIGHT / len(found) / tf.math.reduce_variance(b)
            distance += scale * tf.reduce_mean(tf.square(a - b), (1, 2, 3))
        return distance

    return loss


def descend(
    generator: keras.Model, loss: Loss, config: Config, z: np.ndarray, labels: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lower the loss of each z [N, Z] by Adam, with a rate that goes down to 0. z stays in its range if it is uniform.

    Returns: the new z [N, Z] and their losses [N].
    """
    one_hot = tf.one_hot(labels, config.y_dim)
    variable = keras.Variable(z, name="z")
    rate = tf.Variable(LEARNING_RATE)
    adam = Adam([variable], rate, beta1=0.9)
    low, high = Z_DISTS[config.z_dist] if config.z_dist.startswith("uniform") else (-np.inf, np.inf)

    @tf.function
    def losses() -> tf.Tensor:
        return loss(generator(variable.value, one_hot, training=False), one_hot)

    @tf.function
    def descend_once() -> None:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(losses())
        adam.apply(tape.gradient(total, [variable.value]), [variable.value])
        variable.assign(tf.clip_by_value(variable.value, low, high))

    for step in range(steps):
        rate.assign(LEARNING_RATE * (1 - step / steps))
        descend_once()
    return variable.numpy(), losses().numpy()
