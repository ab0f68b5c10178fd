"""Weights, images and random numbers that two machines make alike, so that none of them need to travel; and how far two
arrays are from each other. It needs NumPy only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

Entry = dict[str, Any]  # what is known about an array: its name, shape, dtype, and how its values are made
Check = dict[str, Any]  # key of the values, measure, tolerance, stride (of values that are thinned), left_out


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


def difference(check: Check, value: np.ndarray, expected: np.ndarray) -> float:
    """Return the difference of a value from the expected one. By `measure` it is

    absolute: the largest, after leaving out the `left_out` largest ones.
    relative: the largest, as a part of the expected value.
    vector: the length of the difference, as a part of the expected vector's length.
    """
    value = thinned(np.asarray(value, np.float64), check.get("stride", 1))
    expected = np.ravel(expected).astype(np.float64)
    differences = np.abs(value - expected)
    if check["measure"] == "relative":
        return float((differences / np.abs(expected)).max())
    if check["measure"] == "vector":
        return float(np.linalg.norm(differences) / np.linalg.norm(expected))
    return float(np.sort(differences)[-1 - check.get("left_out", 0)])
