"""Time exported train steps by JAX, and say which kernels take the time. It needs JAX and NumPy."""

from __future__ import annotations

import functools
import glob
import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.gpu.rows import Row, speed, timed
from benchmarks.gpu.saved import SavedStep

CALLS = 10  # iterations between two reads of the loss, as with --steps_per_call 10
BATCHES = 4  # different ones


class Trainer:
    """A compiled step that trains on and on."""

    def __init__(self, step: SavedStep, compiled: Any):
        self.manifest = step.manifest
        self.compiled = compiled
        self.state = step.first()
        self.host = [step.batch(number) for number in range(BATCHES)]
        self.device = [jax.device_put(batch) for batch in self.host]

    def train(self, iterations: int, batches: list) -> float:
        """Train so many iterations, and wait for the last one's d_loss."""
        for number in range(iterations):
            self.state, losses = self.compiled(self.state, *batches[number % BATCHES])
        return float(losses["d_loss"])

    def times(self, seconds: float) -> list[Row]:
        """Return the rows of the timings: `mode` says how often the loss is read, and where the batches are."""
        modes = {"one": (1, self.device), "ten": (CALLS, self.device), "fed": (CALLS, self.host)}
        return [
            self.row(mode, timed(functools.partial(self.train, count, batches), seconds, count))
            for mode, (count, batches) in modes.items()
        ]

    def loop_time(self, loop: Any, seconds: float) -> Row:
        """Return the row of ten iterations that are one program."""
        numbers = [number % BATCHES for number in range(CALLS)]
        stacked = [jnp.stack([self.device[n][i] for n in numbers]) for i in range(len(self.device[0]))]

        def call() -> float:
            self.state, losses = loop(self.state, *stacked)
            return float(losses["d_loss"])

        return self.row("loop", timed(call, seconds, CALLS))

    def row(self, mode: str, times: Row) -> Row:
        said = {name: self.manifest[name] for name in ("name", "precision", "batch_size")}
        return {"time": "jax", **said, "mode": mode} | speed(times, self.manifest)

    def kernels(self) -> Row:
        """Return the 25 kernels that take most of an iteration, with their microseconds."""
        events = traced(lambda: self.train(CALLS, self.device))
        total: dict[str, float] = {}
        for event in events:
            total[event["name"]] = total.get(event["name"], 0) + event["dur"] / CALLS
        top = sorted(total.items(), key=lambda item: -item[1])[:25]
        row = {"kernels": self.manifest["name"], "count": len(events) / CALLS, "us": round(sum(total.values()), 1)}
        return row | {"top": {name: round(us, 1) for name, us in top}}


def traced(call: Callable[[], Any]) -> list[dict]:
    """Return what the GPU ran during a call: the profiler's events, with a name and their microseconds `dur`."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            call()
        file = glob.glob(f"{folder}/**/perfetto_trace.json.gz", recursive=True)[0]
        events = json.loads(gzip.decompress(Path(file).read_bytes()))["traceEvents"]
    names: dict[tuple, str] = {}
    for event in events:
        if event.get("name") in ("process_name", "thread_name"):
            names[event["name"], event["pid"], event.get("tid", 0)] = event["args"]["name"]
    gpus = {key[1] for key, name in names.items() if key[0] == "process_name" and "GPU" in name}
    streams = {key[1:] for key, name in names.items() if key[0] == "thread_name" and "Stream" in name}
    return [e for e in events if e.get("ph") == "X" and e["pid"] in gpus and (e["pid"], e["tid"]) in streams]


def matrix_products(seconds: float) -> list[Row]:
    """Return the speed of a large matrix product in each precision: about what the device can do at most."""
    side = 8192
    if jax.default_backend() == "cpu":
        side = 512
    rows = []
    for name, dtype, precision in (
        ("tf32", "float32", "default"),
        ("bfloat16", "bfloat16", "default"),
        ("float32", "float32", "highest"),
    ):
        matrix = jax.random.normal(jax.random.key(0), (side, side), dtype)
        product = jax.jit(functools.partial(jnp.matmul, precision=precision))

        def five(matrix: Any = matrix, product: Any = product) -> None:
            jax.block_until_ready([product(matrix, matrix) for _ in range(5)])

        times = timed(five, seconds, 5)
        rows.append({"product": name, "side": side, "tflops_per_second": round(2 * side**3 / 1e9 / times["ms"], 2)})
    return rows
