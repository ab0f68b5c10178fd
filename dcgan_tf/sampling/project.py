"""--project: find the z whose image is most like a given one, by gradient descent on z."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf.data.decode import ImageSpec, read_image
from dcgan_tf.latents import UNIFORM
from dcgan_tf.optimizer import Adam
from dcgan_tf.pixels import blocks, to_float
from dcgan_tf.runs.select import Selection
from dcgan_tf.sampling.sampler import load_sampler
from dcgan_tf.sampling.sheets import save, save_sheet
from dcgan_tf.system import image_files
from dcgan_tf.system.files import fitting
from dcgan_tf.system.messages import progress, say

STARTS = 64  # random z to begin with; with labels, at least 8 for each class
BLOCK = 256  # z that are improved at once, at most
BLOCK_PIXELS = 256 * 64 * 64  # and their pixels
KEPT = 8  # the best of them, which are improved to the end
FIRST_STEPS, LAST_STEPS = 50, 500  # of gradient descent, with all starts and with those that are kept
LEARNING_RATE = 0.05
FEATURE_WEIGHT = 0.1  # of the distance in D's features, beside the one in pixels

Loss = Callable[..., tf.Tensor]  # z [B, Z] and one-hot labels [B, Y] -> distances [B]


class Projection(NamedTuple):
    """The z that was found for an image."""

    z: np.ndarray  # float32 [Z]
    label: int  # its class; 0 without labels
    image: np.ndarray  # what the generator makes of it, uint8 [H, W, C]
    rms: float  # how much that differs from the given image, in gray levels (0 to 255)


def write_projection(selection: Selection, file: str, *, classes: Sequence[int]) -> None:
    """Write the image beside its reconstruction, and the z of the reconstruction.

    Args:
      file: the image; it is resized as for training.
      classes: with labels, the classes to try; empty without labels.
    Raises: UserError.
    """
    path = Path(file)
    target = read_image(path, ImageSpec.of(selection.config))
    found = find_z(selection, target, classes)
    say(f"The reconstruction differs from the image by {found.rms:.1f} gray levels of 255 (RMS).")
    if classes:
        say(f"Its class is {selection.config.class_names[found.label]}.")
    save_sheet(selection, fitting(f"project_{path.stem}.png"), np.stack([target, found.image]), 2)
    save(image_files.save_array, selection.run.samples_folder / fitting(f"project_{path.stem}_z.npy"), found.z)


def find_z(selection: Selection, target: np.ndarray, classes: Sequence[int]) -> Projection:
    """Find the z, and with labels the class, whose image is nearest to the target.

    Nearest is measured in pixels and, if the run has a discriminator, with less weight in its features.

    Args:
      target: uint8 [H, W, C].
      classes: with labels, the classes to try; empty without labels.
    Raises: UserError.
    """
    config = dataclasses.replace(selection.config, truncation=1.0)  # the search is for z itself
    sampler = load_sampler(selection._replace(config=config), batch=1)
    discriminator = None
    if selection.weights.has_discriminator:
        discriminator = selection.weights.discriminator()
    image = to_float(target[None], config.value_range)
    loss = make_loss(sampler.generator, discriminator, image)
    count = max(STARTS, 8 * len(classes))
    z = sampler.z(sampler.seeds(count))
    labels = sampler.labels(range(count), classes)
    block = min(BLOCK, BLOCK_PIXELS // target[..., 0].size)
    for steps, kept in ((FIRST_STEPS, KEPT), (LAST_STEPS, 1)):
        one_hot = tf.one_hot(labels, config.y_dim)
        distances = np.empty(len(z), np.float32)
        for some in blocks(len(z), block):
            z[some], distances[some] = descend(loss, z[some], one_hot[some], steps, config.z_dist)
        best = np.argsort(distances)[:kept]
        z = z[best]
        labels = labels[best]
    found = sampler.images(z, labels)[0]
    rms = np.sqrt(np.mean(np.square(found.astype(float) - target)))
    return Projection(z[0], int(labels[0]), found, float(rms))


def make_loss(generator: keras.Model, discriminator: keras.Model | None, image: tf.Tensor) -> Loss:
    """Return the distance to an image: mean squared differences in pixels and, with less weight, in D's features.

    Args:
      discriminator: None if the run has none; then the pixels alone count.
      image: [1, H, W, C].
    Returns: a function of z [B, Z] and one-hot labels [B, Y], which returns the distances [B].
    """

    def loss(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        images = generator(z, labels, training=False)
        distance = tf.reduce_mean(tf.square(images - image), (1, 2, 3))
        if discriminator is None:
            return distance
        targets = tf.broadcast_to(image, tf.shape(images))
        found = discriminator.activations(images, labels, training=False)
        wanted = discriminator.activations(targets, labels, training=False)
        for a, b in zip(found, wanted, strict=True):
            scale = FEATURE_WEIGHT / len(found) / tf.math.reduce_variance(b)
            distance += scale * tf.reduce_mean(tf.square(a - b), (1, 2, 3))
        return distance

    return loss


def descend(loss: Loss, z: np.ndarray, labels: tf.Tensor, steps: int, z_dist: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower the loss of each z [N, Z] by Adam, with a rate that goes down to 0. z stays in its range if it has one.

    Args:
      labels: one-hot [N, Y].
      z_dist: of the run.
    Returns: the new z, float32 [N, Z], and their losses [N].
    """
    variable = keras.Variable(z, name="z")
    rate = tf.Variable(LEARNING_RATE)
    adam = Adam([variable], rate, beta1=0.9)

    @tf.function
    def descend_once() -> None:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(loss(variable.value, labels))
        adam.minimize(total, tape)
        variable.assign(tf.clip_by_value(variable.value, *UNIFORM.get(z_dist, (-np.inf, np.inf))))

    for step in progress(range(steps), unit="step", leave=False):
        rate.assign(LEARNING_RATE * (1 - step / steps))
        descend_once()
    return variable.numpy(), loss(variable.value, labels).numpy()
