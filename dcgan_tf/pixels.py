"""Images as bytes (0 to 255) and as the networks see them: [0, 1] with labels, [-1, 1] without (Config.value_range)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

ValueRange = tuple[float, float]


def to_float(images: tf.Tensor, value_range: ValueRange) -> tf.Tensor:
    """uint8 images as float32 in the value range; one division rounds each value correctly."""
    low, high = value_range
    return ((high - low) * tf.cast(images, tf.float32) + 255.0 * low) / 255.0


def to_uint8(images: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Float images in the value range as uint8; the range maps exactly to 0..255, without contrast stretching."""
    low, high = value_range
    scaled = (np.asarray(images, np.float64) - low) / (high - low)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def blocks(count: int, most: int) -> list[slice]:
    """Return slices that cut `count` images, or other rows, into blocks of at most `most`, and at least 1."""
    most = max(1, most)
    return [slice(start, start + most) for start in range(0, count, most)]
