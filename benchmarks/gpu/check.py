"""Check exported train steps against the numbers of TensorFlow and of the original. It needs JAX and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.gpu.compare import difference, passes
from benchmarks.gpu.saved import SavedStep


def check(step: SavedStep, compiled: Any) -> dict[str, Any]:
    """Run a step's first iterations. Return the row of its check; `failed` names what is past its tolerance."""
    values = computed(step, compiled)
    largest: dict[str, float] = {}
    failed: dict[str, float | str] = {}
    for one in step.manifest["checks"]:
        key = one["key"]
        if key not in values:
            failed[key] = "not computed"
            continue
        found = difference(one, values[key], step.arrays[f"expected/{key}"])
        kind = kind_of(key)
        largest[kind] = max(largest.get(kind, 0.0), float(f"{found:.2e}"))
        if not passes(one, found):
            failed[key] = float(f"{found:.2e}")
    checks = step.manifest["checks"]
    return {"check": step.manifest["name"], "quantities": len(checks), "failed": failed, "largest": largest}


def computed(step: SavedStep, compiled: Any) -> dict[str, np.ndarray]:
    """Return what the step computes, by the keys of benchmarks/gpu/expected.py."""
    values: dict[str, np.ndarray] = {}
    rows = []
    state = step.first()
    first = [np.array(value) for value in state]  # the step overwrites the state's memory
    for number in range(1, step.manifest["iterations"] + 1):
        state, losses = compiled(state, *step.batch(number - 1))
        rows.append([float(losses[name]) for name in step.manifest["losses"]])
        for name, value, before in zip(step.names, state, first, strict=True):
            values[f"after{number}/{name}"] = np.array(value)
            if number == 1:
                values[f"change/{name}"] = np.array(value) - before
    for name, column in zip(step.manifest["losses"], np.array(rows).T, strict=True):
        values[f"loss/{name}"] = column
        values[f"first/{name}"] = column[:1]
    return values


def kind_of(key: str) -> str:
    """Return the kind of a quantity, of which a row has the largest difference: the key up to the network's name."""
    kind, _, name = key.partition("/")
    if kind in ("loss", "first"):
        return kind
    return f"{kind}/{name.split('/')[0]}"
