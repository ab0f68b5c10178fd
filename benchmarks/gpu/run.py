"""python3 -m benchmarks.gpu.run: check, time and compare what prepare.py exported, on a machine with JAX and PyTorch.

It ends within --limit seconds. The most important parts come first, and each row is saved when it is there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu.rows import add, read, table

FEWEST_SECONDS = 20  # in which a part can do anything


class Part(NamedTuple):
    """Some steps measured by one program, in its own process."""

    name: str
    program: str
    share: float  # of the time that is left
    steps: list[str]  # patterns of their names
    options: tuple[str, ...] = ()


FIRST = ["mnist_tf32_64", "made64_tf32_64", "mnist_bfloat16_64", "made64_bfloat16_64"]
AT_16 = ["small_tf32_16", "small_bfloat16_16", "made64_tf32_16", "made64_bfloat16_16"]
LARGE = ["*_tf32_1024", "*_bfloat16_1024", "*_tf32_256", "*_bfloat16_256"]
PARTS = [
    Part("jax", "run_jax", 0.35, ["golden_cond_28x28x1", "golden_uncond_64x64x3", *FIRST, *AT_16]),
    Part("torch", "run_torch", 0.4, [*FIRST, *AT_16[2:]]),
    Part("detail", "run_jax", 0.4, [*FIRST, *AT_16], ("--detail",)),
    Part("jax_large", "run_jax", 0.4, LARGE),
    Part("torch_large", "run_torch", 0.6, LARGE, ("--ways", "graph", "compile_graph")),
    Part("rest", "run_jax", 1.0, ["*_float32_*", "golden_uncond_45*", "golden_uncond_32*"]),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=Path, default=Path("build/gpu"), help="what prepare.py wrote (build/gpu)")
    out = os.environ.get("OUT", "build/gpu_results")
    parser.add_argument("--out", type=Path, default=out, help=f"folder for rows.jsonl and table.md ({out})")
    parser.add_argument("--limit", type=float, default=530, help="seconds for everything (530)")
    names = [part.name for part in PARTS]
    parser.add_argument("--parts", nargs="+", choices=names, default=names, help=f"default: {' '.join(names)}")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = options.out / "rows.jsonl"
    for part in PARTS:
        if part.name in options.parts:
            run(part, options.steps, rows, options.limit - (time.perf_counter() - STARTED))
            (options.out / "table.md").write_text(table(read(rows)))
    print((options.out / "table.md").read_text())


def run(part: Part, steps: Path, rows: Path, left: float) -> None:
    """Run a part in its share of the seconds that are left: it begins no step late, and is killed in the end."""
    seconds = part.share * left
    manifests = [str(file) for pattern in part.steps for file in sorted(steps.glob(f"{pattern}.json"))]
    if seconds < FEWEST_SECONDS or not manifests:
        add(rows, {"left_out": part.name, "program": f"{len(manifests)} steps, {seconds:.0f} s"})
        return
    try:
        done = subprocess.run(command_of(part, manifests, rows, 0.75 * seconds), timeout=seconds)
    except subprocess.TimeoutExpired:
        add(rows, {"error": f"killed after {seconds:.0f} s", "name": part.name})
        return
    if done.returncode:
        add(rows, {"error": f"exit code {done.returncode}", "name": part.name})


def command_of(part: Part, manifests: list[str], rows: Path, until: float) -> list[str]:
    """Return the command of a part, which begins no step after so many seconds."""
    command = [sys.executable, "-m", f"benchmarks.gpu.{part.program}", *manifests]
    return [*command, "--rows", str(rows), "--until", f"{until:.0f}", *part.options]


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
