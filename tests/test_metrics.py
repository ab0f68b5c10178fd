"""Metrics and distances: cases worked out by hand, and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dcgan_tf.evaluation import distances, metrics
from dcgan_tf.evaluation.distances import NearestSearch, blur, laplacian_pyramid, nearest, sliced_wasserstein


def test_nearest_is_exact_search_across_blocks_and_pieces(monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(0)
    queries = random.integers(0, 256, (30, 5, 5), np.uint8)
    references = random.integers(0, 256, (101, 5, 5), np.uint8)
    distance = [((references.astype(int) - q.astype(int)) ** 2).sum((1, 2)) for q in queries]
    monkeypatch.setattr(distances, "MAX_DISTANCES", 30 * 7)  # blocks of seven references
    monkeypatch.setattr(distances, "MAX_VALUES", 25 * 11)  # and of eleven queries
    search = NearestSearch(queries)
    for start in range(0, 101, 10):
        search.add(references[start : start + 10])
    for index in (search.index, nearest(queries, references)):
        np.testing.assert_array_equal(index, np.argmin(distance, axis=1))
    np.testing.assert_array_equal(search.distance, np.min(distance, axis=1))
    # Of equally near references, the first one, whichever block it is in.
    np.testing.assert_array_equal(nearest(references[:1], np.repeat(references[:1], 20, 0)), [0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_nearest_is_exact_where_float32_would_round(dtype: type):
    """Squared distances near 2 * 10^8 that differ by 2."""
    references = np.full((3, 60, 50), 255)
    references[:, 0, :2] = [255, 253], [254, 254], [253, 255]  # 255^2 + 253^2 = 2 + 254^2 + 254^2
    queries = np.stack([np.zeros((60, 50), int), references[2]])
    np.testing.assert_array_equal(nearest(queries.astype(dtype), references.astype(dtype)), [1, 2])


def test_frechet_distance_of_normal_distributions_by_hand():
    # Two-point sets at mean +- sigma / sqrt(2), whose unbiased variance is sigma^2: (0, 1) and (3, 2^2).
    a = np.array([[-(0.5**0.5)], [0.5**0.5]])
    b = 3 + 2 * a
    assert metrics.frechet_distance(a, b) == pytest.approx(3**2 + (1 - 2) ** 2)
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-12)


def test_frechet_distance_depends_on_correlation():
    random = np.random.default_rng(0)
    x = random.normal(size=(5000, 2))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T  # covariance 1 exactly
    y = x @ np.array([[1, 0], [0.8, 0.6]]).T  # covariance ((1, .8), (.8, 1)): eigenvalues 1.8 and .2
    assert metrics.frechet_distance(x, y) == pytest.approx(4 - 2 * (1.8**0.5 + 0.2**0.5))


def test_kernel_distance_of_two_pairs_by_hand():
    a, b = np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])
    # (x y + 1)^3 is 1 within a, 125 within b, and 1, 1, 27, 27 between them.
    assert metrics.kernel_distance(a, b, subsets=3) == (pytest.approx(1 + 125 - 2 * 14), 0)


def test_copying_by_hand():
    train, unseen = np.array([[0.0], [10.0]]), np.array([[5.0], [20.0]])
    generated = np.array([[1.0], [6.0], [7.5], [11.0]])  # nearer to train, to unseen, equally near, nearer to train
    assert metrics.copying(generated, train, unseen) == 2.5 / 4


def test_precision_and_recall_by_hand(monkeypatch: pytest.MonkeyPatch):
    real = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]])
    fake = np.array([[0.4], [0.5], [0.6], [30.0]])
    # Balls to the first neighbour: radius 1 around each real point; around the fake ones 0.1, and 29.4 around 30.
    monkeypatch.setattr(metrics, "MAX_DISTANCES", 6)  # blocks of one row
    precision, recall = metrics.precision_recall(real, fake, k=1)
    assert precision == 3 / 4
    assert recall == 5 / 6  # 1 to 12 are within 29.4 of 30; 0 is in no ball


def smooth_noise(seed: int, times: int, size: int = 32) -> np.ndarray:
    """Return images of noise, blurred that many times: uint8 [100, size, size, 3]."""
    images = np.random.default_rng(seed).uniform(0, 255, (100, size, size, 3)).astype(np.float32)
    for _ in range(times):
        images = blur(images)
    return images.astype(np.uint8)


def test_the_pyramid_adds_up_to_the_image():
    images = smooth_noise(0, 1, 64)
    fine, middle, coarse = laplacian_pyramid(images)
    assert [level.shape[1] for level in (fine, middle, coarse)] == [64, 32, 16]
    for level in (middle, fine):
        larger = np.zeros_like(level)
        larger[:, ::2, ::2] = 4 * coarse
        coarse = level + blur(larger)
    np.testing.assert_allclose(coarse, images, atol=1e-3)
    assert len(laplacian_pyramid(np.zeros((2, 28, 20, 1), np.uint8))) == 1


def test_blur_by_hand():
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[0, 4, 4] = 256
    assert blur(image)[0, 4, 2:7, 0].tolist() == [6, 24, 36, 24, 6]


def test_images_of_the_same_kind_are_near_and_of_another_kind_far(monkeypatch: pytest.MonkeyPatch):
    images = smooth_noise(0, 1)
    same = sliced_wasserstein(images, smooth_noise(1, 1))
    stripes = np.repeat(smooth_noise(1, 1)[:, :, :1], 32, axis=2)
    assert 0 < same < sliced_wasserstein(images, stripes) / 3
    assert sliced_wasserstein(images, images[:90]) < 30  # other patches of the same images
    darker = (smooth_noise(1, 1) / 2).astype(np.uint8)
    assert sliced_wasserstein(images, darker) == pytest.approx(26.28, rel=0.01)  # the contrast does not count
    monkeypatch.setattr(distances, "MAX_VALUES", 7 * 32 * 32 * 3)  # pieces give the same distance
    assert sliced_wasserstein(images, smooth_noise(1, 1)) == same


def test_scores_compare_checkpoints():
    """A figure that is not a number does not count, and of equal 1-NN errors the lower distance is better."""
    assert metrics.score({"nearest_neighbour_error": math.nan, "fid": 3.0}) == (math.inf, 3.0, math.inf, math.inf)
    assert metrics.score({"fid": math.inf}) is None
    first = {"nearest_neighbour_error": 0.0, "class_accuracy": 1.0, "swd": 149.0}
    assert metrics.score(first | {"swd": 50.0}) < metrics.score(first)
    assert metrics.score(first | {"frechet": 9.0, "swd": 200.0}) < metrics.score(first | {"frechet": 10.0})
    assert metrics.score(first | {"nearest_neighbour_error": 0.1, "swd": 1.0}) > metrics.score(first)
