"""python -m benchmarks.gpu.run_jax: check and time exported train steps by JAX. benchmarks/gpu/run.py calls it."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # otherwise JAX takes most of the GPU's memory at once

import jax

from benchmarks.gpu.check import check
from benchmarks.gpu.rows import Row, add
from benchmarks.gpu.saved import SavedStep
from benchmarks.gpu.time_jax import CALLS, Trainer, matrix_products


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifests", nargs="+", type=Path, metavar="NAME.json")
    parser.add_argument("--rows", type=Path, required=True, help="file that the rows are added to")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each timing")
    parser.add_argument("--until", type=float, default=1e9, help="begin no further step after so many seconds")
    parser.add_argument("--only_check", action="store_true")
    parser.add_argument("--loop", action="store_true", help="also ten iterations as one program")
    parser.add_argument("--kernels", action="store_true", help="also the time of each kernel")
    options = parser.parse_args()
    device = jax.devices()[0].device_kind
    add(options.rows, {"device": device, "jax": jax.__version__, "xla_flags": os.environ.get("XLA_FLAGS", "")})
    if not options.only_check:
        for row in matrix_products(options.seconds):
            add(options.rows, row)
    for manifest in options.manifests:
        if time.perf_counter() - STARTED > options.until:
            add(options.rows, {"left_out": manifest.stem, "program": "jax"})
            continue
        try:
            measure(SavedStep(manifest), options)
        except Exception as error:  # the other steps are measured all the same
            add(options.rows, {"error": f"{type(error).__name__}: {error}"[:2000], "name": manifest.stem})


def measure(step: SavedStep, options: argparse.Namespace) -> None:
    """Add the rows of one step."""
    started = time.perf_counter()
    compiled = step.compile()
    add(options.rows, compiled_row(step, compiled, time.perf_counter() - started))
    if step.manifest["iterations"]:
        add(options.rows, check(step, compiled))
    if options.only_check or step.manifest["recorded"]:  # the networks of the recordings are too small to be timed
        return
    trainer = Trainer(step, compiled)
    for row in trainer.times(options.seconds):
        add(options.rows, row)
    if options.loop:
        add(options.rows, trainer.loop_time(step.compile_loop(CALLS), options.seconds))
    if options.kernels:
        add(options.rows, trainer.kernels())


def compiled_row(step: SavedStep, compiled: object, seconds: float) -> Row:
    memory = compiled.memory_analysis()
    temporary = round(getattr(memory, "temp_size_in_bytes", 0) / 2**20)
    return {"compiled": step.manifest["name"], "seconds": round(seconds, 1), "temporary_mb": temporary}


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
