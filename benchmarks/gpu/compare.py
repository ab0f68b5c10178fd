"""Differences between what two programs compute, and how large they may be. It needs NumPy only.

A check is a dict: key (of the values), measure, tolerance, stride (of values that are thinned), and left_out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gpu.made import thinned

Check = dict[str, Any]


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


def passes(check: Check, found: float) -> bool:
    """Return whether a difference is small enough. NaN is not."""
    return found <= check["tolerance"]
