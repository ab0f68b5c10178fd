"""python -m benchmarks.gpu.prepare: export all train steps, on a machine with TensorFlow. Needs pip install -e .

A step and what it must give are three files: NAME.stablehlo.gz, NAME.json (the manifest) and NAME.npz.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dcgan_tf.system.startup import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from benchmarks.gpu import expected  # noqa: E402
from benchmarks.gpu.forms import VARIANTS  # noqa: E402
from benchmarks.gpu.made import checksum  # noqa: E402
from benchmarks.gpu.stablehlo import program_of  # noqa: E402
from benchmarks.gpu.steps import Step, made_step, recorded_step  # noqa: E402
from benchmarks.work import gigaflops  # noqa: E402

RECORDINGS = Path(__file__).parents[2] / "tests" / "golden"
FOLDER = Path("build/gpu")  # git ignores build/
ALL = ("tf32", "bfloat16", "float32")
BATCHES = {"mnist": (64, 256, 1024), "made64": (64, 256, 1024, 16), "small": (16,)}  # 16: without augmentation and EMA


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"default: {FOLDER}")
    parser.add_argument("--only", default="", help="only the steps whose name begins so, e.g. mnist_tf32_64 or golden")
    options = parser.parse_args()
    for name in chosen(options.only):
        started = time.perf_counter()
        export_named(name, options.out)
        size = sum(file.stat().st_size for file in options.out.glob(f"{name}.*"))
        print(f"{name:28} {size / 1e6:6.2f} MB {time.perf_counter() - started:6.1f} s", flush=True)


def names() -> list[str]:
    """Return the names of all made-up steps."""
    found = [f"{network}_{kind}_{size}" for network, sizes in BATCHES.items() for kind in ALL for size in sizes]
    for network, kind, (name, (forms, joined)) in itertools.product(("mnist", "made64"), ALL[:2], VARIANTS.items()):
        if joined or any((height % 7 == 0) == (network == "mnist") for height in forms):  # MNIST's are 7 and 14
            found.append(f"{network}_{kind}_64_{name}")
    return found


def chosen(only: str) -> list[str]:
    """Return the names of the steps to export."""
    recordings = [f"golden_{file.stem}" for file in sorted(RECORDINGS.glob("*cond*.npz"))]
    return [name for name in (*recordings, *names()) if name.startswith(only)]


def export_named(name: str, folder: Path) -> None:
    if name.startswith("golden_"):
        export(recorded_step(RECORDINGS / f"{name.removeprefix('golden_')}.npz"), folder)
    else:
        network, precision, batch_size, *variant = name.split("_")
        export(made_step(network, precision, int(batch_size), variant="".join(variant)), folder)


def export(step: Step, folder: Path) -> None:
    """Write a step, the manifest last: a step is there when its manifest is. In small batches it is checked.

    A variant is checked by the step as it is, which is in the same folder.
    """
    specs = [tf.TensorSpec(entry["shape"], entry["dtype"]) for entry in step.inputs]
    with tf32(step.precision != "float32"):
        program = program_of(step.function, specs)
    of_handle = {id(variable.handle): name for name, variable in step.variables().items()}
    order = [of_handle[id(handle)] for handle in program.variables]
    first = step.first()
    arrays = {}
    iterations = 1
    if step.recording:
        iterations = step.recording.steps
        arrays |= {f"first/{name}": first[name] for name in order}
        batches = zip(*map(step.batch, range(iterations)), strict=True)
        arrays |= {f"input/{entry['name']}": np.stack(b) for entry, b in zip(step.inputs, batches, strict=True)}
    checks: list[expected.Check] = []
    if not step.variant and step.model.config.batch_size <= 64:
        checks, values = expected_of(step)
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
        "checked_by": step.name.removesuffix(f"_{step.variant}"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / step.name
    path.with_suffix(".stablehlo.gz").write_bytes(gzip.compress(program.artifact, mtime=0))
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1))


def expected_of(step: Step) -> tuple[list[expected.Check], expected.Values]:
    if step.recording:
        return expected.originals(step)
    return expected.tensorflows(step)


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let TensorFlow use TF32, or mark each product as one that must not."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(allowed)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


if __name__ == "__main__":
    main()
