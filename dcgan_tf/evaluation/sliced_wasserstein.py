"""The sliced Wasserstein distance between patches of images (Karras et al. 2018, section 5). It needs no network."""

from __future__ import annotations

import numpy as np

PATCH = 7  # pixels, height and width
PATCHES = 64  # of each image, on each level
DIRECTIONS = 128
SMALLEST = 16  # height and width of the smallest level
BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, seed: int = 0) -> float:
    """Return 1000 times the distance between the patches of two sets of images, the mean over the pyramid's levels.

    Args:
      a, b: uint8 [N, H, W, C]; of the larger set, only the first images are used, so that both have the same number.
      seed: of the patches and the directions.
    """
    count = min(len(a), len(b))
    levels = zip(laplacian_pyramid(a[:count]), laplacian_pyramid(b[:count]), strict=True)
    return 1000 * float(np.mean([_level_distance(x, y, np.random.default_rng(seed)) for x, y in levels]))


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Return what each level adds to the next smaller one, and the smallest level: float32 [N, H, W, C] each."""
    level, levels = images.astype(np.float32), []
    while min(level.shape[1:3]) >= 2 * SMALLEST:
        smaller = blur(level)[:, ::2, ::2]
        larger = np.zeros_like(level)
        larger[:, ::2, ::2] = 4 * smaller
        levels.append(level - blur(larger))
        level = smaller
    return [*levels, level]


def blur(images: np.ndarray) -> np.ndarray:
    """Blur [N, H, W, C] with a binomial filter of 5 x 5."""
    for axis in (1, 2):
        padding = [(2, 2) if i == axis else (0, 0) for i in range(4)]
        padded = np.moveaxis(np.pad(images, padding, "reflect"), axis, 0)
        blurred = sum(weight * padded[k : len(padded) - 4 + k] for k, weight in enumerate(BLUR))
        images = np.moveaxis(blurred, 0, axis)
    return images


def _level_distance(a: np.ndarray, b: np.ndarray, random: np.random.Generator) -> float:
    """Return the mean distance of the sorted projections of the patches onto random directions."""
    patches_a, patches_b = _patches(a, random), _patches(b, random)
    directions = random.normal(size=(patches_a.shape[1], DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    projections = (np.sort(patches @ directions, axis=0) for patches in (patches_a, patches_b))
    return float(np.abs(np.subtract(*projections)).mean())


def _patches(level: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return random patches, in each channel with mean 0 and standard deviation 1: float32 [N * PATCHES, D]."""
    count, height, width, channels = level.shape
    y = random.integers(height - PATCH + 1, size=(count, PATCHES, 1, 1)) + np.arange(PATCH)[:, None]
    x = random.integers(width - PATCH + 1, size=(count, PATCHES, 1, 1)) + np.arange(PATCH)
    patches = level[np.arange(count)[:, None, None, None], y, x]  # [N, PATCHES, PATCH, PATCH, C]
    patches = (patches - patches.mean((0, 1, 2, 3))) / np.maximum(patches.std((0, 1, 2, 3)), 1e-8)
    return patches.reshape(count * PATCHES, PATCH * PATCH * channels)
