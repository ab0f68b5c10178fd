"""python -m benchmarks.gpu.run_jax: check and time exported train steps by JAX. benchmarks/gpu/run.py calls it."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # otherwise JAX takes most of the GPU's memory at once

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.gpu.made import difference
from benchmarks.gpu.rows import Row, add, failure, speed, timed
from benchmarks.gpu.saved import SavedStep

CALLS = 10  # iterations between two reads of the loss, as with --steps_per_call 10
BATCHES = 4  # different ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifests", nargs="+", type=Path, metavar="NAME.json")
    parser.add_argument("--rows", type=Path, required=True, help="file that the rows are added to")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each timing")
    parser.add_argument("--until", type=float, default=1e9, help="begin no further step after so many seconds")
    parser.add_argument("--only_check", action="store_true")
    parser.add_argument("--detail", action="store_true", help="also ten iterations as one program, and the kernels")
    parser.add_argument("--label", default="", help="what to add to each step's name")
    options = parser.parse_args()
    device = jax.devices()[0].device_kind
    add(options.rows, {"device": device, "jax": jax.__version__, "xla_flags": os.environ.get("XLA_FLAGS", "")})
    for manifest in options.manifests:
        if time.perf_counter() - STARTED > options.until:
            add(options.rows, {"left_out": manifest.stem, "program": "jax"})
            continue
        try:
            step = SavedStep(manifest)
            step.manifest["name"] += options.label
            measure(step, options)
        except Exception as error:  # the other steps are measured all the same
            add(options.rows, failure(error, manifest.stem))


def measure(step: SavedStep, options: argparse.Namespace) -> None:
    """Add the rows of one step."""
    started = time.perf_counter()
    compiled = step.compile()
    add(options.rows, {"compiled": step.manifest["name"], "seconds": round(time.perf_counter() - started, 1)})
    if step.checks:
        add(options.rows, check(step, compiled))
    if options.only_check or step.manifest["recorded"]:  # the networks of the recordings are too small to be timed
        return
    trainer = Trainer(step, compiled)
    add(options.rows, trainer.row("ten", lambda: trainer.train(CALLS), options.seconds))
    if options.detail:
        add(options.rows, trainer.row("loop", trainer.loop(step.compile_loop(CALLS)), options.seconds))
        add(options.rows, trainer.kernels())


def check(step: SavedStep, compiled: Any) -> Row:
    """Run a step's first iterations. Return the row of its check; `failed` names what is past its tolerance."""
    values = computed(step, compiled)
    failed: dict[str, float] = {}
    for one in step.checks:
        found = difference(one, values[one["key"]], step.expected[f"expected/{one['key']}"])
        if not found <= one["tolerance"]:  # NaN is not
            failed[one["key"]] = float(f"{found:.2e}")
    return {"check": step.manifest["name"], "quantities": len(step.checks), "failed": failed}


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
    return values


class Trainer:
    """A compiled step that trains on and on."""

    def __init__(self, step: SavedStep, compiled: Any):
        self.manifest = step.manifest
        self.compiled = compiled
        self.state = step.first()
        self.batches = [jax.device_put(step.batch(number)) for number in range(BATCHES)]

    def train(self, iterations: int) -> float:
        """Train so many iterations, and wait for the last one's d_loss."""
        for number in range(iterations):
            self.state, losses = self.compiled(self.state, *self.batches[number % BATCHES])
        return float(losses["d_loss"])

    def loop(self, compiled: Any) -> Callable[[], float]:
        """Return a function that trains ten iterations that are one program."""
        numbers = [number % BATCHES for number in range(CALLS)]
        stacked = [jnp.stack([self.batches[n][i] for n in numbers]) for i in range(len(self.batches[0]))]

        def call() -> float:
            self.state, losses = compiled(self.state, *stacked)
            return float(losses["d_loss"])

        return call

    def row(self, mode: str, call: Callable[[], float], seconds: float) -> Row:
        """Time ten iterations, and return their row."""
        said = {name: self.manifest[name] for name in ("name", "precision", "batch_size")}
        return {"time": "jax", **said, "mode": mode} | speed(timed(call, seconds, CALLS), self.manifest)

    def kernels(self) -> Row:
        """Return the 25 kernels that take most of an iteration, with their microseconds."""
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                self.train(CALLS)
            planes = jax.profiler.ProfileData.from_file(str(next(Path(folder).rglob("*.xplane.pb")))).planes
        streams = [line for plane in planes if "GPU" in plane.name for line in plane.lines if "Stream" in line.name]
        events = [event for stream in streams for event in stream.events]
        total: Counter[str] = Counter()
        for event in events:
            total[event.name] += event.duration_ns / 1000 / CALLS
        top = {name: round(us, 1) for name, us in total.most_common(25)}
        us = round(sum(total.values()), 1)
        return {"kernels": self.manifest["name"], "count": len(events) / CALLS, "us": us, "top": top}


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
