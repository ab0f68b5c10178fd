"""z: drawn for the iterations of a training, or made from the seeds of images; paths between z."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Uniform(NamedTuple):
    """z whose values are all between low and high."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    def sample(self, shape: tuple[int, int], key: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, key, self.low, self.high, alg="philox")

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        return random.uniform(self.low, self.high, count)

    def between(self, start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return points on the straight line from start [Z] to end [Z]; t [N, 1] goes from 0 to 1."""
        return (1 - t) * start + t * end


class Normal(NamedTuple):
    """z with a normal distribution."""

    mean: float
    deviation: float

    @property
    def bounds(self) -> tuple[float, float]:
        return -np.inf, np.inf

    def sample(self, shape: tuple[int, int], key: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal(shape, key, self.mean, self.deviation, alg="philox")

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        return random.normal(self.mean, self.deviation, count)

    def between(self, start: np.ndarray, end: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return points on the arc from start [Z] to end [Z] (spherical interpolation, White 2016).

        Normal z of many dimensions lie near a sphere, and the generator has not seen its inside.
        """
        cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
        angle = np.arccos(np.clip(cosine, -1, 1))
        if not 1e-6 < angle < np.pi - 1e-6:  # in one line with 0, so there is no arc
            return (1 - t) * start + t * end
        return (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)


DISTRIBUTIONS: dict[str, Uniform | Normal] = {  # by the names in settings.config.Z_DISTS
    "uniform_signed": Uniform(-1.0, 1.0),
    "uniform_unsigned": Uniform(0.0, 1.0),
    "normal01": Normal(0.0, 1.0),
}


def random_key(kind: int, seed: int, iteration: tf.Tensor | int) -> tf.Tensor:
    """Return the key of an iteration's random numbers of one kind, for TensorFlow's stateless functions.

    Args: kind: 0: z; 1: augmentations; 2: whether to augment. Another kind takes another number, and changes no other.
    """
    return tf.stack([tf.constant(2**32 * kind + seed, tf.int64), tf.cast(iteration, tf.int64)])


def sample_z(z_dist: str, seed: int, iteration: tf.Tensor | int, shape: tuple[int, int]) -> tf.Tensor:
    """Draw the z of one iteration. The same seed and iteration always give the same z.

    Args:
      z_dist: a name in DISTRIBUTIONS.
      seed: of the run.
      iteration: 1, 2, ... in training; 0 for the fixed z of the sample sheets.
      shape: (B, Z).
    Returns: float32 [B, Z], the same on every machine.
    """
    with tf.device("CPU:0"):  # a GPU rounds normal numbers differently
        return DISTRIBUTIONS[z_dist].sample(shape, random_key(0, seed, iteration))


def z_from_seeds(seeds: Sequence[int], z_dim: int, z_dist: str) -> np.ndarray:
    """Return one z for each seed, float32 [len(seeds), z_dim]. It depends on that seed, z_dim and z_dist only."""
    z = np.empty((len(seeds), z_dim), np.float32)
    for row, seed in zip(z, seeds, strict=True):
        random = np.random.Generator(np.random.Philox(key=seed))
        row[:] = DISTRIBUTIONS[z_dist].draw(random, z_dim)
    return z


def sweep(z: np.ndarray, dimension: int) -> np.ndarray:
    """Return a copy of z [N, Z] in which row i has i / N in one dimension (utils.py, visualize)."""
    z = z.copy()
    z[:, dimension] = np.arange(len(z)) / len(z)
    return z


def truncate(z: np.ndarray, truncation: float, z_dist: str) -> np.ndarray:
    """Scale the distance of z [N, Z] from the mean of its distribution by `truncation`; 1 returns z itself."""
    if truncation == 1:
        return z
    mean = DISTRIBUTIONS[z_dist].mean
    return (mean + truncation * (z - mean)).astype(np.float32)


def interpolate(points: np.ndarray, steps: int, z_dist: str) -> np.ndarray:
    """Go from each point to the next, both ends included: points [P, Z] -> float32 [P - 1, steps, Z].

    Uniform z: along a straight line. Normal z: along an arc.
    """
    t = np.linspace(0, 1, steps)[:, None]
    between = DISTRIBUTIONS[z_dist].between
    segments = [between(start, end, t) for start, end in zip(points, points[1:], strict=False)]
    return np.stack(segments).astype(np.float32)
