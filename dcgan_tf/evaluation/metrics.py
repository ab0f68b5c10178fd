"""Metrics of generated images: pure functions on arrays, computed in float64 with NumPy only."""

from __future__ import annotations

import numpy as np

MAX_DISTANCES = 10_000_000  # distances that are in memory at the same time


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distances between all rows of a [N, D] and b [M, D], float64 [N, M].

    One matrix product computes them. They are exact if the values are bytes.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    distances = a @ b.T
    distances *= -2
    distances += (a * a).sum(1)[:, None]
    distances += (b * b).sum(1)
    return distances


def nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return for each query the index of its nearest reference, by exact search (Euclidean; the first of equals).

    Args:
      queries: [N, ...], any dtype; each row is one vector, whatever its shape.
      references: [M, ...], of the same shape but for the first axis; an array or a np.memmap.
    Returns: int64 [N].
    """
    queries = queries.reshape(len(queries), -1).astype(np.float64)
    nearest_distance = np.full(len(queries), np.inf)
    nearest_index = np.zeros(len(queries), np.int64)
    block_size = max(1, MAX_DISTANCES // len(queries))
    for start in range(0, len(references), block_size):
        block = references[start : start + block_size].reshape(-1, queries.shape[1]).astype(np.float64)
        # Leave out the length of the query: it is the same for all references.
        distances = queries @ (-2 * block.T)
        distances += (block * block).sum(1)
        index = distances.argmin(1)
        distance = distances[np.arange(len(queries)), index]
        closer = distance < nearest_distance
        nearest_distance[closer] = distance[closer]
        nearest_index[closer] = index[closer] + start
    return nearest_index


def distance_to_nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each query [N, ...] to its nearest reference [M, ...], float64 [N]."""
    difference = queries.astype(np.float64) - references[nearest(queries, references)]
    return np.linalg.norm(difference.reshape(len(queries), -1), axis=1)


def copying(generated: np.ndarray, train: np.ndarray, unseen: np.ndarray, seed: int = 0) -> float:
    """Return the fraction of generated images that are nearer to a training image than to an unseen one.

    Real images that are in neither set give 0.5 on average; a generator that returns its training images gives 1.

    Args:
      generated, train, unseen: images or features, [N, ...], [M, ...], [K, ...]. Of the larger of train and unseen, a
        random part is used, so that both have the same number.
    """
    random, count = np.random.default_rng(seed), min(len(train), len(unseen))
    train, unseen = (x[np.sort(random.choice(len(x), count, replace=False))] for x in (train, unseen))
    to_train, to_unseen = distance_to_nearest(generated, train), distance_to_nearest(generated, unseen)
    return float(np.mean((to_train < to_unseen) + 0.5 * (to_train == to_unseen)))


def nearest_neighbour_error(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """Return the error of a 1-nearest-neighbour classifier of the test images (Radford et al. 2015, table 3).

    Args:
      images, labels: what the classifier knows, [N, ...] and [N].
      test_images, test_labels: what it is tested on, [M, ...] and [M].
    Returns: the fraction of test images that get the wrong label, 0 to 1.
    """
    return float(np.mean(labels[nearest(test_images, images)] != test_labels))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of features [N, D] and [M, D] (FID; Heusel et al. 2017); 0 is the best.

    For normal distributions with the means and the covariances A and B of the features it is
    |mean_a - mean_b|^2 + trace(A + B - 2 sqrt(A B)).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    eigenvalues, eigenvectors = np.linalg.eigh(cov_a)
    sqrt_a = (eigenvectors * np.sqrt(eigenvalues.clip(0))) @ eigenvectors.T
    # sqrt(A B) has the same trace as sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    trace_sqrt = np.sqrt(np.linalg.eigvalsh(sqrt_a @ cov_b @ sqrt_a).clip(0)).sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_sqrt
    return float(max(distance, 0))


def kernel_distance(
    a: np.ndarray, b: np.ndarray, subsets: int = 100, size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the kernel distance of features [N, D] and [M, D] (KID; Binkowski et al. 2018), and its spread.

    This is the unbiased squared maximum mean discrepancy with the kernel (x y / D + 1)^3: its mean and its standard
    deviation over random subsets. It is 0 on average if a and b have the same distribution, and can be negative.

    Args:
      subsets: number of random subsets.
      size: rows of a, and of b, in each subset; fewer if a or b has fewer.
      seed: of the subsets.
    """
    size = min(size, len(a), len(b))
    random, distances = np.random.default_rng(seed), []
    for _ in range(subsets):
        x = a[random.choice(len(a), size, replace=False)].astype(np.float64)
        y = b[random.choice(len(b), size, replace=False)].astype(np.float64)
        xx, yy, xy = _cubic_kernel(x, x), _cubic_kernel(y, y), _cubic_kernel(x, y)
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        distances.append(within - 2 * xy.mean())
    return float(np.mean(distances)), float(np.std(distances))


def _cubic_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Return the improved precision and recall of fake features (Kynkaanniemi et al. 2019).

    The region of a set is the union of balls around its points; the radius of a ball is the distance from the point to
    its k-th nearest neighbour in the set.

    Args:
      real, fake: features [N, D] and [M, D].
    Returns: the fraction of fake points in the region of the real ones, and the fraction of real points in the region
      of the fake ones.
    """
    return _fraction_covered(fake, real, k), _fraction_covered(real, fake, k)


def _fraction_covered(points: np.ndarray, centres: np.ndarray, k: int) -> float:
    """Return the fraction of points [N, D] in the region of the centres [M, D]."""
    k = min(k, len(centres) - 1)
    inside = np.zeros(len(points), bool)
    block_size = max(1, MAX_DISTANCES // max(len(points), len(centres)))
    for start in range(0, len(centres), block_size):
        block = centres[start : start + block_size]
        between_centres = squared_distances(block, centres)
        # The distance of a centre to itself must be 0, without rounding.
        between_centres[np.arange(len(block)), np.arange(start, start + len(block))] = 0
        squared_radii = np.partition(between_centres, k, axis=1)[:, k]
        inside |= (squared_distances(block, points) <= squared_radii[:, None]).any(0)
    return float(inside.mean())
