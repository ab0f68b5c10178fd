"""Metrics of generated images: pure functions on arrays, computed in float64, and the table of them."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dcgan_tf.evaluation.distances import MAX_DISTANCES, NearestSearch, sliced_wasserstein, squared_distances
from dcgan_tf.evaluation.spaces import Classifier, FeatureSpace, Inception2015, KerasInception, Pixels
from dcgan_tf.pixels import blocks
from dcgan_tf.system.messages import ignored_warnings

FEW_LABELS = 1_000  # that the second linear SVM is trained on
MAX_COPYING_SAMPLES = 2_000  # generated, training and unseen images for the search for copies
MAX_PR_SAMPLES = 10_000  # real and generated images for precision and recall, which compare all pairs
SVM_STEPS = 1_000_000  # at most, for each class; scikit-learn recommends it; more change the error by 0.05% at most


def accuracy(right: np.ndarray) -> float:
    """Return the fraction of labels that were found. Args: right: bool [N], whether each label was found."""
    return float(right.mean())


def error(right: np.ndarray) -> float:
    """Return the fraction of labels in whose place another was found. Args: as in `accuracy`."""
    return accuracy(~right)


def svm_labels(features: np.ndarray, labels: np.ndarray, test_features: np.ndarray) -> np.ndarray:
    """Train a linear SVM with scikit-learn, and let it predict labels (Radford et al. 2015, section 5.1).

    Args:
      features, labels: to train on, [N, D] and [N].
      test_features: [M, D].
    Returns: the labels that it predicts for the test features, [M].
    """
    from sklearn import exceptions, linear_model, pipeline, preprocessing

    passes = -(-SVM_STEPS // len(features))
    sgd = linear_model.SGDClassifier(alpha=1e-3, average=True, max_iter=passes, n_jobs=-1, random_state=0)
    svm = pipeline.make_pipeline(preprocessing.StandardScaler(), sgd)
    with ignored_warnings(exceptions.ConvergenceWarning):  # that it ended after `passes`
        return svm.fit(features, labels).predict(test_features)


def copying(generated: np.ndarray, train: np.ndarray, unseen: np.ndarray) -> float:
    """Return the fraction of generated images that are nearer to a training image than to an unseen one.

    Real images that are in neither set give 0.5 on average; a generator that returns its training images gives 1.

    Args:
      generated, train, unseen: images or features, [N, ...], [M, ...], [K, ...]. Of the larger of train and unseen, a
        random part is used, so that both have the same number.
    """
    random = np.random.default_rng(0)
    count = min(len(train), len(unseen))
    distances = []
    for images in (train, unseen):
        rows = np.sort(random.choice(len(images), count, replace=False))
        distances.append(NearestSearch(generated).add(images[rows]).distance)
    to_train, to_unseen = distances
    return float(np.heaviside(to_unseen - to_train, 0.5).mean())


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features (FID; Heusel et al. 2017); 0 is the best.

    For normal distributions with the means and the covariances A and B of the features it is
    |mean_a - mean_b|^2 + trace(A + B - 2 sqrt(A B)).

    Args:
      a, b: features [N, D] and [M, D].
    """
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    eigenvalues, eigenvectors = np.linalg.eigh(cov_a)
    sqrt_a = (eigenvectors * np.sqrt(eigenvalues.clip(0))) @ eigenvectors.T
    # sqrt(A B) has the same trace as sqrt(sqrt(A) B sqrt(A)), which is symmetric.
    trace_sqrt = np.sqrt(np.linalg.eigvalsh(sqrt_a @ cov_b @ sqrt_a).clip(0)).sum()
    between_means = ((a.mean(0, float) - b.mean(0, float)) ** 2).sum()
    distance = between_means + np.trace(cov_a) + np.trace(cov_b) - 2 * trace_sqrt
    return float(max(distance, 0))


def kernel_distance(a: np.ndarray, b: np.ndarray, subsets: int = 100) -> tuple[float, float]:
    """Return the kernel distance of two sets of features (KID; Binkowski et al. 2018), and its spread.

    This is the unbiased squared maximum mean discrepancy with the kernel (x y / D + 1)^3: its mean and its standard
    deviation over random subsets. It is 0 on average if a and b have the same distribution, and can be negative.

    Args:
      a, b: features [N, D] and [M, D].
      subsets: their number. Each has at most 1,000 rows of a, and of b.
    Returns: the mean and the standard deviation.
    """
    size = min(1_000, len(a), len(b))
    random = np.random.default_rng(0)
    distances = []
    for _ in range(subsets):
        x, y = (rows[random.choice(len(rows), size, replace=False)].astype(float) for rows in (a, b))
        xx = _cubic_kernel(x, x)
        yy = _cubic_kernel(y, y)
        xy = _cubic_kernel(x, y)
        pairs = size * (size - 1)
        within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / pairs
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
    for block in blocks(len(real), MAX_DISTANCES // len(fake)):
        distances = squared_distances(real[block], fake)
        fake_inside |= (distances <= real_radii[block, None]).any(0)
        real_inside[block] = (distances <= fake_radii).any(1)
    return float(fake_inside.mean()), float(real_inside.mean())


def _squared_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of each point [N, D] to its k-th nearest neighbour, float64 [N]."""
    radii = np.empty(len(points))
    k = min(k, len(points) - 1)
    for block in blocks(len(points), MAX_DISTANCES // len(points)):
        distances = squared_distances(points[block], points)
        np.fill_diagonal(distances[:, block], 0)  # of a point to itself, without rounding
        distances.partition(k, axis=1)
        radii[block] = distances[:, k]
    return radii


@dataclasses.dataclass(frozen=True)
class Sets:
    """Images [N, H, W, C], or their features [N, D], that metrics compare."""

    real: np.ndarray
    some: Sequence[np.ndarray]  # some training images and some unseen ones; empty without a test part
    fake: np.ndarray

    @functools.cached_property
    def kid(self) -> tuple[float, float]:
        return kernel_distance(self.real, self.fake)

    @functools.cached_property
    def precision_recall(self) -> tuple[float, float]:
        return precision_recall(self.real[:MAX_PR_SAMPLES], self.fake[:MAX_PR_SAMPLES])

    def frechet(self) -> float:
        return frechet_distance(self.real, self.fake)

    def copying(self) -> float | None:
        if not self.some:
            return None
        return copying(self.fake[:MAX_COPYING_SAMPLES], *self.some)


class Metric(NamedTuple):
    """A row of the table of metrics."""

    name: str  # in metrics.json, and in TensorBoard after evaluate/
    title: str
    format: str
    function: Callable[..., float | None]  # of `Sets`, or, without spaces, of which labels were found
    spaces: tuple[type[FeatureSpace], ...] = ()  # in which it is measured
    is_score: bool = False  # whether it compares checkpoints: lower is better, and those above decide first


PERCENT = ".2%"
NUMBER = ".4g"
NOT_OF_FID = (Classifier, KerasInception)
NETWORKS = (*NOT_OF_FID, Inception2015)  # an evaluation chooses one of these, and measures in any other space as well
METRICS = (
    Metric("nearest_neighbour_error", "1-NN error, classifier knows generated images only", PERCENT, error, (), True),
    Metric("control_error", "1-NN error, classifier knows real training images (control)", PERCENT, error),
    Metric("class_accuracy", "generated images classified as the class asked for", PERCENT, accuracy),
    Metric("class_accuracy_real", "real images classified correctly (control)", PERCENT, accuracy),
    Metric("svm_error", "linear SVM on D's features, error with all labels", PERCENT, error),
    Metric("svm_error_few", "linear SVM on D's features, error with 1,000 labels", PERCENT, error),
    Metric("fid", "FID", NUMBER, Sets.frechet, (Inception2015,), True),
    Metric("frechet", "Frechet distance in the feature space below (not FID)", NUMBER, Sets.frechet, NOT_OF_FID, True),
    Metric("kid", "kernel distance (KID)", NUMBER, lambda sets: sets.kid[0], NETWORKS),
    Metric("kid_spread", "KID, standard deviation over subsets of 1,000 images", NUMBER, lambda x: x.kid[1], NETWORKS),
    Metric(
        "swd",
        "sliced Wasserstein distance of patches (SWD)",
        NUMBER,
        lambda sets: sliced_wasserstein(sets.real, sets.fake),
        (Pixels,),
        True,
    ),
    Metric(
        "copying",
        "nearer to a training image than to an unseen one (unseen: 50%)",
        PERCENT,
        Sets.copying,
        (Pixels,),
    ),
    Metric("copying_features", "the same in the feature space", PERCENT, Sets.copying, NETWORKS),
    Metric("precision", "precision", PERCENT, lambda sets: sets.precision_recall[0], NETWORKS),
    Metric("recall", "recall", PERCENT, lambda sets: sets.precision_recall[1], NETWORKS),
)


def figures_of(measured: Mapping[Any, Any]) -> dict[str, float]:
    """Return the metrics that can be computed, in the order of the table.

    Args:
      measured: for each feature space its `Sets`; for the name of each metric of labels, which labels were found.
    """
    figures = {}
    for metric in METRICS:
        for key, each in measured.items():
            if key == metric.name or isinstance(key, metric.spaces):
                figure = metric.function(each)
                if figure is not None:
                    figures[metric.name] = figure
    return figures


def score(figures: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the figures that compare checkpoints, lower is better; None if none is a finite number.

    The 1-NN error decides, then FID or another Frechet distance, then SWD: on few images the first can be 0 for many
    checkpoints. A figure that is missing or not finite counts as infinite.
    """
    values = [figures.get(metric.name, math.inf) for metric in METRICS if metric.is_score]
    finite = np.where(np.isfinite(values), values, math.inf)
    if finite.min() == math.inf:
        return None
    return tuple(finite.tolist())
