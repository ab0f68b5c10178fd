"""What a train step must give: TensorFlow's own numbers, or those of the original, and how far from them one may be."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from benchmarks.gpu.compare import Check
from benchmarks.gpu.made import thinned
from benchmarks.gpu.steps import Step, replay_golden

KEPT = 4096  # values of each variable that are compared
ITERATIONS = 4


class Tolerances(NamedTuple):
    """Of a step at full size, each as a part of the expected value or of the expected vector's length.

    In networks of this size, rounding decides on which side of the kink of a leaky relu some of millions of values lie.
    So TensorFlow's own plain and compiled steps differ by several percent after a few iterations.
    """

    first_loss: float  # D's, in the first iteration
    loss: float  # all, in all iterations
    gradient: float  # D's, in the first iteration
    change: float  # of the weights and averages, in the first iteration


TOLERANCES = {
    "float32": Tolerances(5e-5, 0.2, 0.02, 0.3),
    "tf32": Tolerances(5e-3, 0.2, 0.15, 0.6),
    "bfloat16": Tolerances(2e-2, 0.2, 0.3, 0.8),
}
Values = dict[str, np.ndarray]


def tensorflows(step: Step, iterations: int = ITERATIONS) -> tuple[list[Check], Values]:
    """Run a made-up step in TensorFlow, not compiled by XLA. Return the checks, and the values that they expect.

    The keys of the values: first/LOSS, loss/LOSS, change/VARIABLE (after one iteration).
    """
    first = step.first()
    for name, variable in step.variables().items():
        variable.assign(first[name])
    iteration = tf.function(step.function, autograph=False)
    values: Values = {}
    rows = []
    for number in range(iterations):
        rows.append([float(loss) for loss in iteration(*step.batch(number))])
        if number == 0:
            changed = {name: v.numpy() - first[name] for name, v in step.variables().items()}
            values |= {f"change/{name}": change for name, change in changed.items() if is_compared(name)}
    for name, column in zip(step.losses, np.array(rows).T, strict=True):
        values[f"loss/{name}"] = column
        values[f"first/{name}"] = column[:1]
    checks = [check_of(step, key, value) for key, value in values.items()]
    return checks, {check["key"]: thinned(values[check["key"]], check["stride"]) for check in checks}


def is_compared(name: str) -> bool:
    """Return whether a variable of a made-up step is compared: not Adam's moments of biases, which are noise."""
    return "adam/" not in name or name.endswith(("/w", "/Matrix", "_power"))


def check_of(step: Step, key: str, value: np.ndarray) -> Check:
    """Return the check of one value of a made-up step."""
    tolerances = TOLERANCES[step.precision]
    kind, name = key.split("/", 1)
    check = {"key": key, "measure": "relative", "stride": -(-value.size // KEPT)}
    if kind == "loss" or (kind == "first" and name.startswith("g_")):
        return check | {"tolerance": tolerances.loss}
    if kind == "first":
        return check | {"tolerance": tolerances.first_loss}
    config = step.model.config
    if replay_golden.before_batch_norm(re.sub(r".*(?=(generator|discriminator)/)", "", name), config.has_labels):
        return check | {"measure": "absolute", "tolerance": replay_golden.STEPS * config.learning_rate}
    if not value.any():
        return check | {"measure": "absolute", "tolerance": 0}
    check["measure"] = "vector"
    if name.startswith("d_adam/m/"):
        return check | {"tolerance": tolerances.gradient}
    return check | {"tolerance": tolerances.change}


def originals(step: Step) -> tuple[list[Check], Values]:
    """Return the checks of a recording, as tests/replay_golden.py has them, and the values that they expect.

    The keys of the values: loss/LOSS, afterN/VARIABLE.
    """
    data = step.recording.data
    first = step.first()
    config = step.model.config
    values = {f"loss/{name}": data[f"upd/{name}"] for name in step.losses}
    checks = [{"key": key, "measure": "relative", "tolerance": replay_golden.LOSS} for key in values]
    for key in data.files:
        run, _, name = key.partition("/")
        if not run.startswith("after") or name not in first or "moving" in name:  # a deviation: fewer passes move them
            continue
        check = {"key": key, "measure": "absolute", "stride": int(data.get(f"stride/{key}", 1))}
        if replay_golden.before_batch_norm(name, config.has_labels):
            values[key] = thinned(first[name], check["stride"])
            checks.append(check | {"tolerance": replay_golden.STEPS * config.learning_rate})
        else:
            values[key] = data[key].ravel()
            checks.append(
                check | {"tolerance": replay_golden.WEIGHT, "left_out": replay_golden.handful(values[key].size)}
            )
    return checks, values
