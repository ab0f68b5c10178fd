"""Distances between many images or features, in blocks, so that memory does not grow with their number."""

from __future__ import annotations

import numpy as np

from dcgan_tf.pixels import blocks

MAX_VALUES = 10_000_000  # of images or features, as float, that are in memory at the same time
MAX_DISTANCES = 10_000_000  # and distances
EXACT_DIMENSIONS = 1024  # of vectors of bytes: 1024 products of numbers up to 128 sum to 2^24, exact in float32
# Of the sliced Wasserstein distance:
PATCH = 7  # pixels, height and width; of smaller images, their whole height or width
PATCHES = 64  # of each image, on each level
DIRECTIONS = 128
SMALLEST = 16  # height and width of the smallest level
BLUR = np.array([1, 4, 6, 4, 1], np.float32) / 16


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distances between all rows of a [N, ...] and b [M, ...], float64 [N, M].

    Each row is one vector, whatever its shape. The distances of bytes are exact.
    """
    dtype: type = float
    shift = 0
    if a.dtype == b.dtype == np.uint8:  # float32 is faster, and from -128 to 127 exact in more dimensions
        dtype = np.float32
        shift = 128
    a, b = (np.subtract(x.reshape(len(x), -1), shift, dtype=dtype) for x in (a, b))
    distances = np.zeros((len(a), len(b)))
    for some in blocks(a.shape[1], EXACT_DIMENSIONS):
        distances += a[:, some] @ b[:, some].T
    distances *= -2
    distances += np.square(a, dtype=float).sum(1)[:, None]
    distances += np.square(b, dtype=float).sum(1)
    return distances


class NearestSearch:
    """Exact search for the reference that is nearest to each query [N, ...] (Euclidean; the first of equals).

    References [M, ...] may come in pieces, and all arrays may be mapped to files.
    """

    def __init__(self, queries: np.ndarray):
        self.queries = queries
        self.distance = np.full(len(queries), np.inf)  # squared
        self.index = np.zeros(len(queries), np.int64)  # of the nearest, counted from the first piece on
        self.count = 0  # of the references so far

    def add(self, references: np.ndarray) -> NearestSearch:
        """Compare all queries with more references."""
        most = MAX_VALUES // references[0].size
        for rows in blocks(len(self.queries), most):
            queries = self.queries[rows]
            for block in blocks(len(references), min(most, MAX_DISTANCES // len(queries))):
                distances = squared_distances(queries, references[block])
                distance = distances.min(1)
                closer = distance < self.distance[rows]
                self.distance[rows][closer] = distance[closer]
                index = distances.argmin(1) + block.start + self.count
                self.index[rows][closer] = index[closer]
        self.count += len(references)
        return self


def nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return for each query the index of its nearest reference, int64 [N]."""
    return NearestSearch(queries).add(references).index


def sliced_wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Return 1000 times the distance between the patches of two sets of images, the mean over the pyramid's levels.

    It needs no network (Karras et al. 2018, section 5).

    Args:
      a, b: uint8 [N, H, W, C]; of the larger set, only the first images are used, so that both have the same number.
    Returns: at least 0; small, but not 0, for equal sets, because their patches lie at other places. Each channel of a
      set's patches has mean 0 and deviation 1, so the brightness and the contrast of the whole set do not count.
    """
    count = min(len(a), len(b))
    randoms = [np.random.default_rng(0) for _ in laplacian_pyramid(a[:1])]
    patches_a = _patches(a[:count], randoms)
    patches_b = _patches(b[:count], randoms)
    distances = map(_distance, patches_a, patches_b, randoms)
    return 1000 * float(np.mean(list(distances)))


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Return what each level adds to the next smaller one, and the smallest level (Burt & Adelson 1983).

    Args:
      images: [N, H, W, C].
    Returns: float32, the first [N, H, W, C], each further one of half the height and width, rounded up.
    """
    level = images.astype(np.float32)
    if min(level.shape[1:3]) < 2 * SMALLEST:
        return [level]
    smaller = blur(level)[:, ::2, ::2]
    larger = np.zeros_like(level)
    larger[:, ::2, ::2] = 4 * smaller
    return [level - blur(larger), *laplacian_pyramid(smaller)]


def blur(images: np.ndarray) -> np.ndarray:
    """Blur [N, H, W, C] with a binomial filter of 5 x 5; at the edges, the images are mirrored."""
    for _ in range(2):  # along the height, then along the width, which change places each time
        size = images.shape[1]
        padded = np.pad(images, [(0, 0), (2, 2), (0, 0), (0, 0)], "reflect")
        blurred = sum(weight * padded[:, k : k + size] for k, weight in enumerate(BLUR))
        images = np.swapaxes(blurred, 1, 2)
    return images


def _patches(images: np.ndarray, randoms: list[np.random.Generator]) -> list[np.ndarray]:
    """Return random patches of each level, as rows. Args: randoms: what draws their places on each level."""
    places = []
    for level, random in zip(laplacian_pyramid(images[:1]), randoms, strict=True):
        height, width = level.shape[1:3]
        rows, columns = np.ogrid[: min(PATCH, height), : min(PATCH, width)]
        shape = (len(images), PATCHES, 1, 1)
        y = random.integers(height - rows.size + 1, size=shape) + rows
        x = random.integers(width - columns.size + 1, size=shape) + columns
        places.append((y, x))
    pieces = []
    for block in blocks(len(images), MAX_VALUES // images[0].size):
        levels = laplacian_pyramid(images[block])
        image = np.arange(len(levels[0]))[:, None, None, None]
        # each [N, PATCHES, PATCH, PATCH, C]
        pieces.append([level[image, y[block], x[block]] for level, (y, x) in zip(levels, places, strict=True)])
    return [_normalized(np.concatenate(level)) for level in zip(*pieces, strict=True)]


def _normalized(patches: np.ndarray) -> np.ndarray:
    """Return patches as rows, in each channel with mean 0 and standard deviation 1."""
    mean = patches.mean((0, 1, 2, 3))
    deviation = patches.std((0, 1, 2, 3))
    normalized = (patches - mean) / np.maximum(deviation, 1e-8)
    return normalized.reshape(-1, patches[0, 0].size)


def _distance(patches_a: np.ndarray, patches_b: np.ndarray, random: np.random.Generator) -> float:
    """Return the mean distance of the sorted projections of the patches onto random directions."""
    directions = random.normal(size=(patches_a.shape[1], DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    a = np.sort(patches_a @ directions, axis=0)
    b = np.sort(patches_b @ directions, axis=0)
    return float(np.abs(a - b).mean())
