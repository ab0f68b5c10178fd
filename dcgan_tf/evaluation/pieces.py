"""Many images in pieces, so that the memory of an evaluation does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from dcgan_tf.system.messages import progress

IMAGES = 512  # in a piece; a multiple of every network's batch, so that a batch never ends with a piece
MAX_VALUES = 10_000_000  # of images or features, as float, that are in memory at the same time


def blocks(count: int, most: int) -> Iterator[slice]:
    """Yield slices that cut `count` rows into blocks of at most `most`, and at least 1."""
    size = max(1, most)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def pieces_of(count: int, title: str) -> Iterator[slice]:
    """Yield slices that cut `count` images into pieces, with a progress bar that counts images."""
    with progress(desc=title, total=count, unit="image", leave=False) as bar:
        for piece in blocks(count, IMAGES):
            yield piece
            bar.update(piece.stop - piece.start)


def values_in_row(rows: np.ndarray) -> int:
    """Return the number of values in each row of an array [N, ...]."""
    return int(np.prod(rows.shape[1:]))


def features_of(
    features: Callable[[np.ndarray], np.ndarray], images: np.ndarray, chosen: np.ndarray | None = None
) -> np.ndarray:
    """Return the features of images, float32 [N, D], with a progress bar.

    Args:
      images: uint8 [M, H, W, C]; may be mapped to a file.
      chosen: the indices of N of them; all by default.
    """
    if chosen is None:
        chosen = np.arange(len(images))
    return np.concatenate([features(images[chosen[piece]]) for piece in pieces_of(len(chosen), "Features")])
