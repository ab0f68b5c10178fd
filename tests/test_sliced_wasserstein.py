"""The sliced Wasserstein distance of patches."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan_tf.evaluation.sliced_wasserstein import blur, laplacian_pyramid, sliced_wasserstein


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


def test_blur_by_hand():
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[0, 4, 4] = 256
    assert blur(image)[0, 4, 2:7, 0].tolist() == [6, 24, 36, 24, 6]


def test_other_images_of_the_same_kind_are_near_and_of_another_kind_far():
    same = sliced_wasserstein(smooth_noise(0, 1), smooth_noise(1, 1))
    stripes = np.repeat(smooth_noise(1, 1)[:, :, :1], 32, axis=2)
    assert 0 < same < sliced_wasserstein(smooth_noise(0, 1), stripes) / 3


def test_pieces_give_the_same_distance(monkeypatch: pytest.MonkeyPatch):
    images = smooth_noise(0, 1), smooth_noise(1, 2)
    whole = sliced_wasserstein(*images)
    monkeypatch.setattr("dcgan_tf.evaluation.sliced_wasserstein.MAX_VALUES", 7 * 32 * 32 * 3)
    assert sliced_wasserstein(*images) == whole


def test_equal_images_and_sizes():
    images = smooth_noise(0, 1)
    assert sliced_wasserstein(images, images[:90]) < 30  # other patches of the same images
    assert sliced_wasserstein(images[..., :1], smooth_noise(1, 1)[..., :1], seed=1) > 0
    darker = (smooth_noise(1, 1) / 2).astype(np.uint8)
    assert sliced_wasserstein(images, darker) == pytest.approx(26.28, rel=0.01)  # the contrast does not count
    assert len(laplacian_pyramid(np.zeros((2, 28, 20, 1), np.uint8))) == 1
    small = images[:, :4, :6]
    assert sliced_wasserstein(small, small) < sliced_wasserstein(small, 255 - smooth_noise(1, 2)[:, :4, :6])
