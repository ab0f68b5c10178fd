"""Images as bytes (0 to 255) and as the networks see them: [0, 1] with labels, [-1, 1] without (Config.value_range)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

ValueRange = tuple[float, float]


def to_float(images: tf.Tensor, value_range: ValueRange) -> tf.Tensor:
    """Return images as the networks see them; one division rounds each value correctly.

    Args: images: uint8 [B, H, W, C]; value_range: what 0 and 255 become.
    Returns: float32 [B, H, W, C].
    """
    low, high = value_range
    return ((high - low) * tf.cast(images, tf.float32) + 255.0 * low) / 255.0


def to_uint8(images: np.ndarray | tf.Tensor, value_range: ValueRange) -> np.ndarray:
    """Return what the networks make as bytes: the range maps exactly to 0..255, without contrast stretching.

    Args: images: float [B, H, W, C]; what leaves the value range is cut off.
    Returns: uint8 [B, H, W, C].
    """
    low, high = value_range
    scaled = (np.asarray(images, np.float64) - low) / (high - low)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def blocks(count: int, most: int) -> list[slice]:
    """Return slices that cut `count` images, or other rows, into blocks of at most `most`, and at least 1."""
    most = max(1, most)
    return [slice(start, start + most) for start in range(0, count, most)]
