"""z: seeded and pure, the same numbers whenever and wherever they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dcgan_tf.config import Z_DISTS


def sample_z(z_dist: str, seed: int, iteration: tf.Tensor | int, shape: tuple[int, int]) -> tf.Tensor:
    """z of one iteration, from a counter-based generator keyed by (seed, iteration).

    Args:
      z_dist: one of config.Z_DISTS.
      seed: of the run.
      iteration: 1, 2, ... in training; 0 is the fixed z of the sample sheets.
      shape: (B, Z).
    Returns: float32 [B, Z].
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(iteration, tf.int64)])
    a, b = Z_DISTS[z_dist]
    if z_dist == "normal01":
        return tf.random.stateless_normal(shape, key, a, b, alg="philox")
    return tf.random.stateless_uniform(shape, key, a, b, alg="philox")


def z_from_seeds(seeds: Sequence[int], z_dim: int, z_dist: str) -> np.ndarray:
    """One z for each seed, which depends on the seed alone: float32 [len(seeds), z_dim], distributed as z_dist."""
    a, b = Z_DISTS[z_dist]
    z = np.empty((len(seeds), z_dim), np.float32)
    for row, seed in zip(z, seeds, strict=True):
        random = np.random.Generator(np.random.Philox(key=seed))
        row[:] = random.normal(a, b, z_dim) if z_dist == "normal01" else random.uniform(a, b, z_dim)
    return z


def cycle_labels(numbers: Sequence[int], classes: Sequence[int]) -> np.ndarray:
    """A class for each number: classes[number % len(classes)], int32 [len(numbers)]; all 0 where there are none."""
    return np.array([classes[n % len(classes)] if classes else 0 for n in numbers], np.int32)


def sweep(z: np.ndarray, dimension: int) -> np.ndarray:
    """A copy of z [N, Z] in which that dimension goes from 0 up to 1 - 1/N, row by row (utils.py, visualize)."""
    z = z.copy()
    z[:, dimension] = np.arange(len(z)) / len(z)
    return z


def interpolate(points: np.ndarray, steps: int, z_dist: str) -> np.ndarray:
    """From each point to the next, both ends included: points [P, Z] -> float32 [P - 1, steps, Z].

    Along a straight line for uniform z. Normal z of many dimensions lie near a sphere, whose inside the generator has
    not seen: there along the arc (spherical interpolation, White 2016).
    """
    t = np.linspace(0, 1, steps)[:, None]
    return np.stack([_segment(a, b, t, z_dist == "normal01") for a, b in zip(points, points[1:], strict=False)])


def _segment(a: np.ndarray, b: np.ndarray, t: np.ndarray, spherical: bool) -> np.ndarray:
    angle = np.arccos(np.clip(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1)) if spherical else 0
    if angle < 1e-6:
        return ((1 - t) * a + t * b).astype(np.float32)
    return ((np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)).astype(np.float32)
