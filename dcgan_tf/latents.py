"""z: drawn for the iterations of a training, or made from the seeds of images; paths between z."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

# The lowest and the highest value of z; the third of settings.config.Z_DISTS, normal01, has mean 0 and deviation 1.
UNIFORM = {"uniform_signed": (-1.0, 1.0), "uniform_unsigned": (0.0, 1.0)}


def random_key(kind: int, seed: int, iteration: tf.Tensor | int) -> tf.Tensor:
    """Return the key of an iteration's random numbers of one kind, for TensorFlow's stateless functions.

    Args: kind: 0: z; 1: augmentations; 2: whether to augment. Another kind takes another number, and changes no other.
    """
    return tf.stack([tf.constant(2**32 * kind + seed, tf.int64), tf.cast(iteration, tf.int64)])


def sample_z(z_dist: str, seed: int, iteration: tf.Tensor | int, shape: tuple[int, int]) -> tf.Tensor:
    """Draw the z of one iteration. The same seed and iteration always give the same z.

    Args:
      z_dist: one of Z_DISTS.
      seed: of the run.
      iteration: 1, 2, ... in training; 0 for the fixed z of the sample sheets.
      shape: (B, Z).
    Returns: float32 [B, Z], the same on every machine.
    """
    key = random_key(0, seed, iteration)
    with tf.device("CPU:0"):  # a GPU rounds normal numbers differently
        if z_dist in UNIFORM:
            return tf.random.stateless_uniform(shape, key, *UNIFORM[z_dist], alg="philox")
        return tf.random.stateless_normal(shape, key, alg="philox")


def z_from_seeds(seeds: Sequence[int], z_dim: int, z_dist: str) -> np.ndarray:
    """Return one z for each seed, float32 [len(seeds), z_dim]. It depends on that seed, z_dim and z_dist only."""
    z = np.empty((len(seeds), z_dim), np.float32)
    for row, seed in zip(z, seeds, strict=True):
        random = np.random.Generator(np.random.Philox(key=seed))
        if z_dist in UNIFORM:
            row[:] = random.uniform(*UNIFORM[z_dist], z_dim)
        else:
            row[:] = random.normal(size=z_dim)
    return z


def truncate(z: np.ndarray, truncation: float, z_dist: str) -> np.ndarray:
    """Scale the distance of z [N, Z] from the mean of its distribution by `truncation`; 1 returns z itself."""
    if truncation == 1:
        return z
    mean = sum(UNIFORM.get(z_dist, ())) / 2
    return (mean + truncation * (z - mean)).astype(np.float32)


def interpolate(points: np.ndarray, steps: int, z_dist: str) -> np.ndarray:
    """Go from each point to the next, both ends included: points [P, Z] -> float32 [P - 1, steps, Z].

    Uniform z: along a straight line. Normal z: along an arc (spherical interpolation, White 2016), because those of
    many dimensions lie near a sphere, and the generator has not seen its inside.
    """
    t = np.linspace(0, 1, steps)[:, None]
    segments = []
    for start, end in pairwise(points):
        segments.append((1 - t) * start + t * end)
        cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
        angle = np.arccos(np.clip(cosine, -1, 1))
        if z_dist not in UNIFORM and 1e-6 < angle < np.pi - 1e-6:  # not in one line with 0, which has no arc
            segments[-1] = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return np.stack(segments).astype(np.float32)
