"""python3 -m benchmarks.gpu.run: check, time and compare what prepare.py exported, on a machine with JAX and PyTorch.

It ends within --limit seconds. The most important parts come first, and each row is saved when it is there.
With --variants: where the step's time goes, its variants, each layer, XLA's flags, and TensorFlow if it is there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
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
    steps: list[str]  # patterns of their names; TensorFlow's own program needs none
    options: tuple[str, ...] = ()
    environment: dict[str, str] = {}  # what is added to these variables


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
BUFFER = "--xla_gpu_enable_command_buffer="
FLAGS = {
    "captured": f"{BUFFER}+CONVOLUTION,+WHILE",
    "fused": "--xla_gpu_experimental_enable_conv_fusion=true",
    "uncaptured": BUFFER,
    "no_triton": "--xla_gpu_enable_triton_gemm=false",
}
CACHE = "--xla_gpu_per_fusion_autotune_cache_dir=build"  # one for all processes of JAX
CACHED = {"XLA_FLAGS": CACHE}
TELLING = ["made64_tf32_64", "mnist_bfloat16_64"]
ALL = [*TELLING, "mnist_tf32_64", "made64_bfloat16_64"]
VARIANTS = [f"{step}_{name}" for name in ("together", "gemm", "joined", "[bp]*[a-z]") for step in ALL]
TRAIN = ("--iterations=300", "--xla=on", "--json")
STAGES = [
    Part("profile", "run_jax", 0.15, TELLING, ("--detail",), CACHED),
    Part("variants", "run_jax", 0.4, VARIANTS, environment=CACHED),
    Part("layers", "run_jax", 0.35, [f"{step}_*[0-9]" for step in ALL], environment=CACHED),
    *[
        Part(name, "run_jax", 0.15, TELLING, ("--detail", f"--label=_{name}"), {"XLA_FLAGS": f"{CACHE} {flags}"})
        for name, flags in FLAGS.items()
    ],
    Part("tensorflow_mnist", "train_step", 0.3, [], TRAIN),
    Part("tensorflow_made64", "train_step", 0.3, [], (*TRAIN, "--dataset=made64")),
    Part("tensorflow_gemm", "train_step", 0.3, [], (*TRAIN, "--variant=gemm"), {"XLA_FLAGS": f"{BUFFER}+WHILE"}),
    Part("tensorflow_uncaptured", "train_step", 0.3, [], TRAIN, {"XLA_FLAGS": BUFFER}),
    Part("tensorflow_api", "train_step", 0.3, [], TRAIN, {"TF_XLA_FLAGS": "--tf_xla_enable_device_api_for_gpu=false"}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=Path, default=Path("build/gpu"), help="what prepare.py wrote (build/gpu)")
    out = os.environ.get("OUT", "build/gpu_results")
    parser.add_argument("--out", type=Path, default=out, help=f"folder for rows.jsonl and table.md ({out})")
    parser.add_argument("--limit", type=float, default=530, help="seconds for everything (530)")
    parser.add_argument("--variants", action="store_true", help="measure the variants of the step instead")
    parser.add_argument("--parts", nargs="+", choices=[part.name for part in (*PARTS, *STAGES)], help="only these")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    Path("build").mkdir(exist_ok=True)
    rows = options.out / "rows.jsonl"
    parts = PARTS
    if options.variants:
        parts = STAGES
    for part in parts:
        if not options.parts or part.name in options.parts:
            run(part, options.steps, rows, options.limit - (time.perf_counter() - STARTED))
            (options.out / "table.md").write_text(table(read(rows)))
    print((options.out / "table.md").read_text())


def run(part: Part, steps: Path, rows: Path, left: float) -> None:
    """Run a part in its share of the seconds that are left: it begins no step late, and is killed in the end."""
    seconds = part.share * left
    manifests = [str(file) for pattern in part.steps for file in sorted(steps.glob(f"{pattern}.json"))]
    there = bool(manifests)
    printed = None
    if part.program == "train_step":
        there = importlib.util.find_spec("tensorflow") is not None
        printed = subprocess.PIPE
    if seconds < FEWEST_SECONDS or not there:
        add(rows, {"left_out": part.name, "program": f"{len(manifests)} steps, {seconds:.0f} s"})
        return
    environment = {name: f"{os.environ.get(name, '')} {value}" for name, value in part.environment.items()}
    command = command_of(part, manifests, rows, 0.75 * seconds)
    try:
        done = subprocess.run(command, timeout=seconds, env=os.environ | environment, stdout=printed)
    except subprocess.TimeoutExpired:
        add(rows, {"error": f"killed after {seconds:.0f} s", "name": part.name})
        return
    if done.returncode:
        add(rows, {"error": f"exit code {done.returncode}", "name": part.name})
    elif printed:
        add(rows, {"tensorflow": part.name} | json.loads(done.stdout))


def command_of(part: Part, manifests: list[str], rows: Path, until: float) -> list[str]:
    """Return the command of a part, which begins no step after so many seconds."""
    if part.program == "train_step":
        return [sys.executable, "benchmarks/train_step.py", *part.options]
    command = [sys.executable, "-m", f"benchmarks.gpu.{part.program}", *manifests]
    return [*command, "--rows", str(rows), "--until", f"{until:.0f}", *part.options]


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
