"""A train step and what it must give, as three files: NAME.stablehlo.gz, NAME.json (the manifest) and NAME.npz."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.gpu import expected
from benchmarks.gpu.made import checksum
from benchmarks.gpu.stablehlo import program_of
from benchmarks.gpu.steps import Step
from benchmarks.work import gigaflops


def export(step: Step, folder: Path, iterations: int = expected.ITERATIONS) -> None:
    """Write a step.

    Args:
      iterations: how many of a made-up step are checked; 0: none, which saves TensorFlow's time.
    """
    specs = [tf.TensorSpec(entry["shape"], entry["dtype"]) for entry in step.inputs]
    with tf32(step.precision != "float32"):
        program = program_of(step.function, specs)
    names = {id(variable.handle): name for name, variable in step.variables().items()}
    order = [names[id(handle)] for handle in program.variables]
    first = step.first()
    arrays = {}
    if step.recording:
        iterations = step.recording.steps
        arrays |= {f"first/{name}": first[name] for name in order}
        batches = zip(*map(step.batch, range(iterations)), strict=True)
        arrays |= {f"input/{entry['name']}": np.stack(b) for entry, b in zip(step.inputs, batches, strict=True)}
    checks = []
    if iterations:
        checks, values = expected_of(step, iterations)
        arrays |= {f"expected/{key}": value for key, value in values.items()}
    entries = {entry["name"]: entry for entry in step.state}
    manifest = {
        "name": step.name,
        "precision": step.precision,
        "batch_size": step.model.config.batch_size,
        "gflop": gigaflops(step.model, step.model.config),
        "tensorflow": tf.__version__,
        "recorded": bool(step.recording),
        "iterations": iterations,
        "inputs": step.inputs,
        "state": [entries[name] for name in order],
        "losses": step.losses,
        "updates": {order[variable]: result for result, variable in program.updates.items()},
        "checksum": checksum(first[name] for name in order),
        "checks": checks,
    }
    write(folder / step.name, program.artifact, manifest, arrays)


def expected_of(step: Step, iterations: int) -> tuple[list[expected.Check], expected.Values]:
    if step.recording:
        return expected.originals(step)
    return expected.tensorflows(step, iterations)


def write(path: Path, artifact: bytes, manifest: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write the three files, the manifest last: a step is there when its manifest is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".stablehlo.gz").write_bytes(gzip.compress(artifact, mtime=0))
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1))


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let TensorFlow use TF32, or mark each product as one that must not."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(allowed)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
