"""z: drawn for the iterations of a training, or made from the seeds of images; interpolations between z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dcgan_tf.settings.config import Z_DISTS


def sample_z(z_dist: str, seed: int, iteration: tf.Tensor | int, shape: tuple[int, int]) -> tf.Tensor:
    """Draw the z of one iteration. The same seed and iteration always give the same z.

    Args:
      z_dist: one of config.Z_DISTS.
      seed: of the run.
      iteration: 1, 2, ... in training; 0 for the fixed z of the sample sheets.
      shape: (B, Z).
    Returns: float32 [B, Z], the same on every machine.
    """
    a, b = Z_DISTS[z_dist]
    with tf.device("CPU:0"):  # a GPU rounds normal numbers differently
        key = tf.stack([tf.constant(seed, tf.int64), tf.cast(iteration, tf.int64)])
        if z_dist == "normal01":
            return tf.random.stateless_normal(shape, key, a, b, alg="philox")
        return tf.random.stateless_uniform(shape, key, a, b, alg="philox")


def z_from_seeds(seeds: Sequence[int], z_dim: int, z_dist: str) -> np.ndarray:
    """Return one z for each seed, float32 [len(seeds), z_dim]. It depends on that seed, z_dim and z_dist only."""
    a, b = Z_DISTS[z_dist]
    z = np.empty((len(seeds), z_dim), np.float32)
    for row, seed in zip(z, seeds, strict=True):
        random = np.random.Generator(np.random.Philox(key=seed))
        row[:] = random.normal(a, b, z_dim) if z_dist == "normal01" else random.uniform(a, b, z_dim)
    return z


def cycle_labels(numbers: Sequence[int], classes: Sequence[int]) -> np.ndarray:
    """Return the class for each number, classes[number % len(classes)]: int32 [len(numbers)]; all 0 without classes."""
    return np.array([classes[number % len(classes)] if classes else 0 for number in numbers], np.int32)


def sweep(z: np.ndarray, dimension: int) -> np.ndarray:
    """Return a copy of z [N, Z] in which row i has i / N in one dimension (utils.py, visualize)."""
    z = z.copy()
    z[:, dimension] = np.arange(len(z)) / len(z)
    return z


def truncate(z: np.ndarray, truncation: float, z_dist: str) -> np.ndarray:
    """Scale the distance of z [N, Z] from the mean of its distribution by `truncation`; 1 returns z itself."""
    if truncation == 1:
        return z
    mean = np.mean(Z_DISTS[z_dist]) if z_dist.startswith("uniform") else Z_DISTS[z_dist][0]
    return (mean + truncation * (z - mean)).astype(np.float32)


def interpolate(points: np.ndarray, steps: int, z_dist: str) -> np.ndarray:
    """Go from each point to the next, both ends included: points [P, Z] -> float32 [P - 1, steps, Z].

    Uniform z: along a straight line. Normal z: along an arc (spherical interpolation, White 2016), because normal z
    of many dimensions lie near a sphere, and the generator has not seen its inside.
    """
    t = np.linspace(0, 1, steps)[:, None]
    pairs = zip(points, points[1:], strict=False)
    return np.stack([_segment(start, end, t, spherical=z_dist == "normal01") for start, end in pairs])


def _segment(start: np.ndarray, end: np.ndarray, t: np.ndarray, spherical: bool) -> np.ndarray:
    angle = _angle(start, end) if spherical else 0
    if angle < 1e-6:
        return ((1 - t) * start + t * end).astype(np.float32)
    return ((np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)).astype(np.float32)


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return np.arccos(np.clip(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1))
