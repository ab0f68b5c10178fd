"""A trained generator with the settings that its images need."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf import latents
from dcgan_tf.pixels import blocks, to_uint8
from dcgan_tf.runs.select import Selection
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.messages import say
from dcgan_tf.system.startup import check_process

BATCH = 256  # images in a batch; larger batches were not faster when measured


class Sampler:
    """Makes the z and labels of seeds, and the images of z and labels."""

    def __init__(self, generator: keras.Model, config: Config, batch: int = BATCH):
        """Keep what images need.

        Args:
          generator: z [B, Z], one-hot labels [B, Y] -> images in config.value_range.
          config: of its run; its seed and truncation are those of the images.
          batch: images that the generator makes at a time, at most BATCH.
        """
        self.generator = generator
        self.config = config
        self.batch = min(batch, BATCH)

    @tf.function
    def _generate(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return self.generator(z, tf.one_hot(labels, self.config.y_dim), training=False)

    def seeds(self, count: int) -> range:
        """Return that many seeds, from that of the settings on."""
        first = self.config.seed
        return range(first, first + count)

    def z(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the z of each seed, float32 [N, Z]."""
        return latents.z_from_seeds(seeds, self.config.z_dim, self.config.z_dist)

    def labels(self, numbers: Sequence[int], classes: Sequence[int]) -> np.ndarray:
        """Return the class for each number, classes[number % len(classes)]: int32 [N]; all 0 without classes."""
        return np.take(classes or [0], numbers, mode="wrap").astype(np.int32)

    def images(self, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the images of z, float32 [N, Z], which is truncated as in the settings, and labels, int32 [N].

        The last batch is filled with zeros, so that the same z gives the same image for every N.

        Returns: uint8 [N, H, W, C]. Raises: UserError in a forked process.
        """
        check_process()
        config = self.config
        z = latents.truncate(z, config.truncation, config.z_dist)
        count = len(z)
        padding = -count % self.batch
        z = np.pad(z, ((0, padding), (0, 0)))
        labels = np.pad(labels, (0, padding))
        images = np.empty((count, *config.image_shape), np.uint8)
        for batch in blocks(count, self.batch):
            made = self._generate(z[batch], labels[batch]).numpy()
            images[batch] = to_uint8(made[: count - batch.start], config.value_range)
        return images


def load_sampler(selection: Selection, rows: int = 1, columns: int = 1, batch: int = BATCH) -> Sampler:
    """Load the generator, and name its checkpoint.

    Args:
      rows, columns: the number of images on a sheet, or in a GIF.
      batch: images that the generator makes at a time.
    Raises: UserError, also if that would be too large.
    """
    height, width, _ = selection.config.image_shape
    image_files.check_size(rows, columns, height, width)
    say(f"Generator: {selection.weights.origin().path}")
    return Sampler(selection.weights.generator(), selection.config, batch)
