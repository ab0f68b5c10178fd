"""Metrics of generated images: pure functions on arrays, computed in float64, or exactly where images are bytes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from dcgan_tf.evaluation.pieces import MAX_VALUES, blocks, values_in_row

MAX_DISTANCES = 10_000_000  # distances that are in memory at the same time
EXACT_DIMENSIONS = 1024  # of vectors of bytes: 1024 products of numbers up to 128 sum to 2^24, exact in float32


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distances between all rows of a [N, D] and b [M, D], float64 [N, M].

    One matrix product computes them. They are exact if the values are bytes.
    """
    a = a.astype(np.float64)
    b = b.astype(np.float64)
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
    search = NearestSearch(queries)
    search.add(references)
    return search.index


class NearestSearch:
    """The search of `nearest`, where the references come in pieces; `index` counts them from the first piece on."""

    def __init__(self, queries: np.ndarray):
        self.queries = queries
        self.distance = np.full(len(queries), np.inf)  # squared, without the length of the query
        self.index = np.zeros(len(queries), np.int64)
        self.count = 0  # of the references so far

    def add(self, references: np.ndarray) -> None:
        """Compare all queries with more references [M, ...]."""
        most = MAX_VALUES // values_in_row(references)
        for rows in blocks(len(self.queries), most):
            for block in blocks(len(references), min(most, MAX_DISTANCES // (rows.stop - rows.start))):
                self._compare(rows, references[block], self.count + block.start)
        self.count += len(references)

    def _compare(self, rows: slice, references: np.ndarray, first: int) -> None:
        """Compare some queries with references; the index of the first of these is `first`."""
        are_bytes = self.queries.dtype == references.dtype == np.uint8
        queries = _vectors(self.queries[rows], are_bytes)
        block = _vectors(references, are_bytes)
        # Leave out the length of the query: it is the same for all references.
        distances = _products_of_bytes(queries, block) if are_bytes else queries @ block.T
        distances *= -2
        distances += np.square(block, dtype=np.float64).sum(1)
        index = distances.argmin(1)
        distance = distances[np.arange(len(queries)), index]
        closer = distance < self.distance[rows]
        self.distance[rows][closer] = distance[closer]
        self.index[rows][closer] = index[closer] + first


def _vectors(images: np.ndarray, are_bytes: bool) -> np.ndarray:
    """Return the rows [N, D]: float64, or, of bytes, float32 from -128 to 127, which keeps all distances."""
    rows = images.reshape(len(images), -1)
    return rows.astype(np.float32) - 128 if are_bytes else rows.astype(np.float64)


def _products_of_bytes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a @ b.T, float64 [N, M] without rounding, of what `_vectors` makes of bytes.

    TensorFlow's product in float32 took a third of the time of NumPy's in float64.
    """
    total = np.zeros((len(a), len(b)))
    with tf.device("CPU:0"):  # a GPU may round
        for start in range(0, a.shape[1], EXACT_DIMENSIONS):
            some = slice(start, start + EXACT_DIMENSIONS)
            total += tf.matmul(a[:, some], b[:, some], transpose_b=True).numpy()
    return total


def distance_to_nearest(queries: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each query [N, ...] to its nearest reference [M, ...], float64 [N]."""
    index = nearest(queries, references)
    distances = np.empty(len(queries))
    for rows in blocks(len(queries), MAX_VALUES // values_in_row(queries)):
        difference = queries[rows].astype(np.float64) - references[index[rows]]
        distances[rows] = np.linalg.norm(difference.reshape(len(difference), -1), axis=1)
    return distances


def copying(generated: np.ndarray, train: np.ndarray, unseen: np.ndarray, seed: int = 0) -> float:
    """Return the fraction of generated images that are nearer to a training image than to an unseen one.

    Real images that are in neither set give 0.5 on average; a generator that returns its training images gives 1.

    Args:
      generated, train, unseen: images or features, [N, ...], [M, ...], [K, ...]. Of the larger of train and unseen, a
        random part is used, so that both have the same number.
    """
    random = np.random.default_rng(seed)
    count = min(len(train), len(unseen))
    train, unseen = (x[np.sort(random.choice(len(x), count, replace=False))] for x in (train, unseen))
    to_train = distance_to_nearest(generated, train)
    to_unseen = distance_to_nearest(generated, unseen)
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
    mean_a, cov_a = _mean_and_covariance(a)
    mean_b, cov_b = _mean_and_covariance(b)
    eigenvalues, eigenvectors = np.linalg.eigh(cov_a)
    sqrt_a = (eigenvectors * np.sqrt(eigenvalues.clip(0))) @ eigenvectors.T
    # sqrt(A B) has the same trace as sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    trace_sqrt = np.sqrt(np.linalg.eigvalsh(sqrt_a @ cov_b @ sqrt_a).clip(0)).sum()
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_sqrt
    return float(max(distance, 0))


def _mean_and_covariance(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return them of features [N, D]: float64 [D] and [D, D]."""
    x = x.astype(np.float64)
    return x.mean(0), np.atleast_2d(np.cov(x, rowvar=False))


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
    random = np.random.default_rng(seed)
    distances = []
    for _ in range(subsets):
        x = a[random.choice(len(a), size, replace=False)].astype(np.float64)
        y = b[random.choice(len(b), size, replace=False)].astype(np.float64)
        xx = _cubic_kernel(x, x)
        yy = _cubic_kernel(y, y)
        xy = _cubic_kernel(x, y)
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (size * (size - 1))
        distances.append(within - 2 * xy.mean())
    return float(np.mean(distances)), float(np.std(distances))


def _cubic_kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    kernel = x @ y.T / x.shape[1] + 1
    return kernel * kernel * kernel  # faster than kernel**3


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Return the improved precision and recall of fake features (Kynkaanniemi et al. 2019).

    The region of a set is the union of balls around its points; the radius of a ball is the distance from the point to
    its k-th nearest neighbour in the set.

    Args:
      real, fake: features [N, D] and [M, D].
    Returns: the fraction of fake points in the region of the real ones, and the fraction of real points in the region
      of the fake ones.
    """
    real_radii = _squared_radii(real, k)
    fake_radii = _squared_radii(fake, k)
    fake_inside = np.zeros(len(fake), bool)
    real_inside = np.zeros(len(real), bool)
    block_size = max(1, MAX_DISTANCES // len(fake))
    for start in range(0, len(real), block_size):
        block = slice(start, start + block_size)
        distances = squared_distances(real[block], fake)
        fake_inside |= (distances <= real_radii[block, None]).any(0)
        real_inside[block] = (distances <= fake_radii).any(1)
    return float(fake_inside.mean()), float(real_inside.mean())


def _squared_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of each point [N, D] to its k-th nearest neighbour, float64 [N]."""
    k = min(k, len(points) - 1)
    radii = []
    block_size = max(1, MAX_DISTANCES // len(points))
    for start in range(0, len(points), block_size):
        distances = squared_distances(points[start : start + block_size], points)
        rows = np.arange(len(distances))
        distances[rows, start + rows] = 0  # of a point to itself, without rounding
        radii.append(np.partition(distances, k, axis=1)[:, k].copy())  # a view would keep all distances
    return np.concatenate(radii)
