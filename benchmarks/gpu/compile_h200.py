"""python -m benchmarks.gpu.compile_h200 NAME.json ...: compile steps for an H200 without one, and count the kernels."""

from __future__ import annotations

import re
import sys
from collections import Counter
from math import prod
from pathlib import Path

import jax
from jax.experimental import topologies

from benchmarks.gpu.saved import SavedStep

NO_KERNELS = {"parameter", "tuple", "get-tuple-element", "bitcast", "constant"}
COLUMNS = ("kernels", "convolutions", "products", "pads", "MB", "temporary MB")
BYTES = {"pred": 1, "u8": 1, "bf16": 2, "f32": 4, "s32": 4, "u32": 4, "s64": 8}


def main() -> None:
    h200 = Path(__file__).with_name("h200.txt").read_text()
    SavedStep.platforms = ["cuda"]
    topology = topologies.get_topology_desc("", platform="cuda", target_config=h200, topology="1x1x1")
    place = jax.sharding.SingleDeviceSharding(topology.devices[0])
    print("| step |", " | ".join(COLUMNS), "|")
    for manifest in map(Path, sys.argv[1:]):
        step = SavedStep(manifest)
        program = jax.jit(step.__call__, donate_argnums=0, in_shardings=place, out_shardings=place)
        lowered = program.trace(step.state_specs, *step.input_specs).lower(lowering_platforms=("cuda",))
        compiled = lowered.compile()
        counts = counted(compiled.as_text())
        counts["temporary MB"] = compiled.memory_analysis().temp_size_in_bytes / 1e6
        print(f"| {manifest.stem} |", " | ".join(f"{counts[column]:.0f}" for column in COLUMNS), "|", flush=True)


def counted(text: str) -> Counter[str]:
    """Return the count of each column in an optimized program. MB: what kernels write, and all of their arguments."""
    counts: Counter[str] = Counter()
    sizes: dict[str, float] = {}
    entry = text[text.index("\nENTRY") :]
    for name, result, operation, operands, rest in re.findall(r"(%\S+) = (.*?) ([a-z][\w-]*)\((.*?)\)(.*)", entry):
        arrays = re.findall(r"(\w+)\[([\d,]*)\]", result)
        sizes[name] = sum(BYTES[kind] * prod(map(int, filter(None, shape.split(",")))) for kind, shape in arrays) / 1e6
        if operation not in NO_KERNELS:
            counts["kernels"] += 1
            counts["convolutions"] += "__cudnn$conv" in rest
            counts["products"] += "__cublas" in rest or "gemm_fusion" in rest
            counts["pads"] += "pad" in name
            counts["MB"] += sizes[name] + sum(sizes[operand] for operand in re.findall(r"%[^\s,]+", operands))
    return counts


if __name__ == "__main__":
    main()
