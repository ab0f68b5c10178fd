"""Weights, images and random numbers that two machines make alike, so that none of them need to travel.

It needs NumPy only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

Entry = dict[str, Any]  # what is known about an array: its name, shape, dtype, and how its values are made
PRECISIONS = ("tf32", "bfloat16", "float32")  # tf32: what TensorFlow makes of float32 on a GPU unless told otherwise


def array(entry: Entry, number: int = 0) -> np.ndarray:
    """Make the array of an entry; `number` counts several arrays of one entry.

    RandomState's numbers never change (NEP 19), and IEEE 754 defines the result of each product and sum.
    """
    shape = entry["shape"]
    dtype = entry["dtype"]
    if "fill" in entry:
        return np.full(shape, entry["fill"], dtype)
    random = np.random.RandomState(zlib.crc32(f"{entry['name']} {number}".encode()))
    if "below" in entry:
        return random.randint(entry["below"], size=shape).astype(dtype)
    low = entry["low"]
    high = entry["high"]
    return (low + (high - low) * random.random_sample(shape)).astype(dtype)


def checksum(arrays: Iterable[np.ndarray]) -> int:
    """Return one number for all values of the arrays."""
    total = 0
    for one in arrays:
        total = zlib.crc32(np.ascontiguousarray(one), total)
    return total


def thinned(values: np.ndarray, stride: int) -> np.ndarray:
    """Return every stride-th value, in one row."""
    return np.ravel(values)[::stride]
