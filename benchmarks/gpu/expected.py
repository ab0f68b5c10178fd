"""What a train step must give: TensorFlow's own numbers, or those of the original, and how far from them one may be."""

from __future__ import annotations

import re

import numpy as np
import tensorflow as tf

from benchmarks.gpu.made import Check, thinned
from benchmarks.gpu.steps import Step, replay_golden

KEPT = 4096  # values of each variable that are compared
# Of a step at full size, as a part of the expected value: D's losses; as a part of the expected vector's length: D's
# gradients, and the change of all else. In such networks, rounding decides on which side of the kink of a leaky relu
# some of millions of values lie, so only a wrong step is past these.
TOLERANCES = {"float32": (5e-5, 0.02, 0.3), "tf32": (5e-3, 0.15, 0.6), "bfloat16": (2e-2, 0.3, 0.8)}
Values = dict[str, np.ndarray]


def tensorflows(step: Step) -> tuple[list[Check], Values]:
    """Run an iteration of a made-up step in TensorFlow, not compiled by XLA. Return the checks, and their values.

    The keys of the values: loss/LOSS, change/VARIABLE.
    """
    first = step.first()
    for name, variable in step.variables().items():
        variable.assign(first[name])
    losses = tf.function(step.function, autograph=False)(*step.batch(0))
    of_loss, of_gradient, of_change = TOLERANCES[step.precision]
    checks: list[Check] = []
    values: Values = {}
    for name, loss in zip(step.losses, losses, strict=True):
        if name.startswith("d_"):  # G's comes after D's update
            values[f"loss/{name}"] = np.array([float(loss)])
            checks.append({"key": f"loss/{name}", "measure": "relative", "tolerance": of_loss})
    for name, variable in step.variables().items():
        change = variable.numpy() - first[name]
        if change.any() and is_compared(name, step.model.config.has_labels):
            check = {"key": f"change/{name}", "measure": "vector", "stride": -(-change.size // KEPT)}
            tolerance = of_change
            if name.startswith("d_adam/m/"):
                tolerance = of_gradient
            checks.append(check | {"tolerance": tolerance})
            values[check["key"]] = thinned(change, check["stride"])
    return checks, values


def is_compared(name: str, has_labels: bool) -> bool:
    """Return whether a variable of a made-up step is compared: not the biases, and their moments, that are noise."""
    if "adam/" in name:
        return name.endswith(("/w", "/Matrix", "_power"))
    return not replay_golden.before_batch_norm(re.sub(r".*(?=(generator|discriminator)/)", "", name), has_labels)


def originals(step: Step) -> tuple[list[Check], Values]:
    """Return the checks of a recording, as tests/replay_golden.py has them, and the values that they expect.

    The keys of the values: loss/LOSS, afterN/VARIABLE.
    """
    data = step.recording.data
    first = step.first()
    config = step.model.config
    values = {f"loss/{name}": data[f"upd/{name}"] for name in step.losses}
    checks = [{"key": key, "measure": "relative", "tolerance": replay_golden.LOSS} for key in values]
    for key in data:
        run, _, name = key.partition("/")
        if not run.startswith("after") or name not in first or "moving" in name:  # a deviation: fewer passes move them
            continue
        check = {"key": key, "measure": "absolute", "stride": int(data.get(f"stride/{key}", 1))}
        if replay_golden.before_batch_norm(name, config.has_labels):
            values[key] = thinned(first[name], check["stride"])
            check["tolerance"] = replay_golden.STEPS * config.learning_rate
        else:
            values[key] = data[key].ravel()
            check |= {"tolerance": replay_golden.WEIGHT, "left_out": replay_golden.handful(values[key].size)}
        checks.append(check)
    return checks, values
