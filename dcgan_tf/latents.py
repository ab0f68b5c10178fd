"""z: seeded and pure, the same numbers whenever and wherever they are drawn."""

from __future__ import annotations

import tensorflow as tf

from dcgan_tf.config import Z_DISTS


def draw(z_dist: str, seed: int, iteration: tf.Tensor | int, shape: tuple[int, int]) -> tf.Tensor:
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
