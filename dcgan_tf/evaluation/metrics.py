"""Metrics of generated images: pure functions on arrays, in float64. They need only NumPy."""

from __future__ import annotations

import numpy as np

BLOCK = 10_000_000  # distances that are in memory at the same time


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared distances between all rows of a [N, D] and b [M, D]: float64 [N, M], exact for bytes."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    distances = a @ b.T
    distances *= -2
    distances += (a * a).sum(1)[:, None]
    distances += (b * b).sum(1)
    return distances


def nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return for each query the index of its nearest reference (Euclidean; the first if several), by exact search.

    Args:
      queries: [N, ...] of any dtype; all axes but the first form the vector.
      references: [M, ...] of the same vectors, in memory or a np.memmap.
    Returns: int64 [N].
    """
    queries = queries.reshape(len(queries), -1).astype(np.float64)
    best, found = np.full(len(queries), np.inf), np.zeros(len(queries), np.int64)
    rows = max(1, BLOCK // len(queries))
    for start in range(0, len(references), rows):
        block = references[start : start + rows].reshape(-1, queries.shape[1]).astype(np.float64)
        distances = queries @ (-2 * block.T)  # without the query's own length, which is the same for all references
        distances += (block * block).sum(1)
        index = distances.argmin(1)
        distance = distances[np.arange(len(queries)), index]
        closer = distance < best
        best[closer], found[closer] = distance[closer], index[closer] + start
    return found


def nearest_neighbour_error(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the share of test images whose nearest image in `images` has another class (Radford et al. 2015, table 3).

    Args: images [N, ...] with labels [N], test_images [M, ...] with test_labels [M].
    Returns: 0 to 1.
    """
    return float(np.mean(labels[nearest(test_images, images)] != test_labels))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of features [N, D] and [M, D] (FID; Heusel et al. 2017); 0 is the best.

    With the covariances A and B it is |mean_a - mean_b|^2 + trace(A + B - 2 sqrt(A B)).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # sqrt(A B) has the trace of sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    return float(max(distance, 0))


def kernel_distance(a: np.ndarray, b: np.ndarray, subsets: int = 100, size: int = 1000, seed: int = 0) -> float:
    """Return the kernel distance of features [N, D] and [M, D] (KID; Binkowski 2018); 0 on average if they are alike.

    It is the unbiased squared maximum mean discrepancy with the kernel (x y / D + 1)^3, averaged over random subsets.
    """
    size = min(size, len(a), len(b))
    random, total = np.random.default_rng(seed), 0.0
    for _ in range(subsets):
        x = a[random.choice(len(a), size, replace=False)].astype(np.float64)
        y = b[random.choice(len(b), size, replace=False)].astype(np.float64)
        xx, yy, xy = ((p @ q.T / a.shape[1] + 1) ** 3 for p, q in ((x, x), (y, y), (x, y)))
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        total += within - 2 * xy.mean()
    return total / subsets


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Return improved precision and recall (Kynkaanniemi et al. 2019) of features real [N, D] and fake [M, D].

    The region of a set is the union of balls around its points. Each radius is the distance to the k-th neighbour.
    Returns: the share of fake points in the real region, and the share of real points in the fake region.
    """
    return _covered(fake, real, k), _covered(real, fake, k)


def _covered(points: np.ndarray, centres: np.ndarray, k: int) -> float:
    k = min(k, len(centres) - 1)
    inside = np.zeros(len(points), bool)
    rows = max(1, BLOCK // max(len(points), len(centres)))
    for start in range(0, len(centres), rows):
        block = centres[start : start + rows]
        within = squared_distances(block, centres)
        within[np.arange(len(block)), np.arange(start, start + len(block))] = (
            0  # the distance to itself, without rounding errors
        )
        radii = np.partition(within, k, axis=1)[:, k]
        inside |= (squared_distances(block, points) <= radii[:, None]).any(0)
    return float(inside.mean())
