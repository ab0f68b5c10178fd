"""The two value ranges, to and from bytes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers import config_of

from dcgan_tf.pixels import to_float, to_uint8

UNIT, SIGNED = config_of(class_names=("a", "b")).value_range, config_of().value_range


@pytest.mark.parametrize("value_range", [UNIT, SIGNED])
def test_all_256_values_are_scaled_as_in_float64(value_range: tuple[float, float]):
    values = np.arange(256, dtype=np.uint8)
    exact = values / 255 if value_range == UNIT else values / 127.5 - 1
    assert (to_float(tf.constant(values), value_range).numpy() == exact.astype(np.float32)).all()


def test_each_range_maps_exactly_and_nothing_is_stretched():
    assert to_uint8(np.array([0, 0.5, 1, 2, -1]), UNIT).tolist() == [0, 128, 255, 255, 0]
    assert to_uint8(np.array([-1, 0, 1, 2, -3]), SIGNED).tolist() == [0, 128, 255, 255, 0]
    every = np.arange(256, dtype=np.uint8)
    assert (to_uint8((every / 255).astype(np.float32), UNIT) == every).all()
    assert (to_uint8((every / 127.5 - 1).astype(np.float32), SIGNED) == every).all()
