"""Sheets and films."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan_tf.sampling.sheets import frames_of
from dcgan_tf.system.image_files import sheet


@pytest.mark.parametrize(("count", "shape"), [(64, (8, 8)), (1, (1, 1)), (7, (3, 3)), (5, (2, 3))])
def test_a_sheet_of_any_number_of_images(count: int, shape: tuple[int, int]):
    images = np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 3), np.uint8)
    grid = sheet(images)
    assert grid.shape == (2 * shape[0], 3 * shape[1], 3)
    values = grid[::2, ::3, 0].ravel()
    assert values[:count].tolist() == list(range(1, count + 1))
    assert not values[count:].any()


def test_a_row_that_is_too_wide_for_a_film_has_several_lines():
    assert frames_of(np.zeros((1, 100, 1, 2, 64, 1), np.uint8))[0].shape == (2, 6_400, 1)
    assert frames_of(np.zeros((1, 300, 1, 2, 64, 1), np.uint8))[0].shape == (2 * 17, 64 * 18, 1)  # 19,200 in one row
