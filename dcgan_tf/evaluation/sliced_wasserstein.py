"""The sliced Wasserstein distance between patches of images (Karras et al. 2018, section 5). It needs no network."""

from __future__ import annotations

import numpy as np

from dcgan_tf.evaluation.pieces import MAX_VALUES, blocks, values_in_row

PATCH = 7  # pixels, height and width; of smaller images, their whole height or width
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
    randoms = [np.random.default_rng(seed) for _ in level_sizes(*a.shape[1:3])]
    patches_a = _patches(a[:count], randoms)
    patches_b = _patches(b[:count], randoms)
    return 1000 * float(np.mean([_distance(*level) for level in zip(patches_a, patches_b, randoms, strict=True)]))


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the height and the width of each level of the pyramid, the largest first."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= 2 * SMALLEST:
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


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


def _patches(images: np.ndarray, randoms: list[np.random.Generator]) -> list[np.ndarray]:
    """Return random patches of each level, in each channel with mean 0 and standard deviation 1: float32 [P, D].

    Args: randoms: what draws the places of the patches on each level. The images are taken in pieces.
    """
    sizes = level_sizes(*images.shape[1:3])
    places = [_places(len(images), *size, random) for size, random in zip(sizes, randoms, strict=True)]
    found: list[list[np.ndarray]] = [[] for _ in sizes]
    for rows in blocks(len(images), MAX_VALUES // values_in_row(images)):
        for level, (y, x), patches in zip(laplacian_pyramid(images[rows]), places, found, strict=True):
            image = np.arange(len(level))[:, None, None, None]
            patches.append(level[image, y[rows], x[rows]])  # [N, PATCHES, PATCH, PATCH, C]
    return [_normalized(np.concatenate(patches)) for patches in found]


def _places(count: int, height: int, width: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and the columns of the pixels of random patches, [N, PATCHES, PATCH, 1 or PATCH]."""
    rows = np.arange(min(PATCH, height))[:, None]
    columns = np.arange(min(PATCH, width))
    y = random.integers(height - len(rows) + 1, size=(count, PATCHES, 1, 1)) + rows
    x = random.integers(width - len(columns) + 1, size=(count, PATCHES, 1, 1)) + columns
    return y, x


def _normalized(patches: np.ndarray) -> np.ndarray:
    """Return patches [N, PATCHES, PATCH, PATCH, C] as rows, in each channel with mean 0 and standard deviation 1."""
    patches = (patches - patches.mean((0, 1, 2, 3))) / np.maximum(patches.std((0, 1, 2, 3)), 1e-8)
    return patches.reshape(-1, values_in_row(patches[0]))


def _distance(patches_a: np.ndarray, patches_b: np.ndarray, random: np.random.Generator) -> float:
    """Return the mean distance of the sorted projections of the patches onto random directions."""
    directions = random.normal(size=(patches_a.shape[1], DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    projections = (np.sort(patches @ directions, axis=0) for patches in (patches_a, patches_b))
    return float(np.abs(np.subtract(*projections)).mean())
