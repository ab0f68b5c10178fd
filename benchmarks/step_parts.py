"""python benchmarks/step_parts.py: what the time of an iteration of --preset small goes into, at 64x64 in colour.

On one thread, so that the parts add up. First by TensorFlow's profiler, then by the step without one thing, in turn
with the whole step.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from train_step import train_step
from turns import milliseconds

from dcgan_tf.settings.config import Config
from dcgan_tf.settings.presets import PRESETS
from dcgan_tf.system.signals import run_program
from dcgan_tf.system.startup import start_tensorflow

IMAGES = {"output_height": 64, "output_width": 64, "c_dim": 3, "stages": "4", "steps_per_call": 1}
WITHOUT = {
    "augmentation": {"augment": ""},
    "the average of the weights": {"g_ema": 0},
    "G's second update": {"g_steps": 1},
}
PARTS = {  # a part of the name of an operation -> what it belongs to
    "Conv2D": "convolutions",
    "BatchNorm": "batch norm",
    "Adam": "Adam",
    "Relu": "activations",
    "BiasAdd": "biases",
    "MatMul": "matrix products",
    "Einsum": "translation (augmentation)",
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What does the time of an iteration of --preset small go into?")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--iterations", type=int, default=10, help="in each turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of the step and of the steps without one thing")
    options = parser.parse_args(arguments)
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    start_tensorflow()
    config = Config(**PRESETS["small"] | IMAGES | {"precision": options.precision})
    print_parts(config, options.iterations)
    print_without(config, options.iterations, options.rounds)


def print_parts(config: Config, iterations: int) -> None:
    """Print the time of each kind of operation in an iteration."""
    import tensorflow as tf

    step = train_step(config)[0]
    milliseconds(step, 3)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, tf.profiler.experimental.ProfilerOptions(host_tracer_level=3))
        whole = sum(milliseconds(step, iterations)) / iterations
        tf.profiler.experimental.stop()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        parts = {name: ms / iterations for name, ms in read_trace(trace).items()}
    parts["all else"] = whole - sum(parts.values())
    print(f"{whole:.1f} ms an iteration, one thread, {config.precision}, of which")
    for name, ms in sorted(parts.items(), key=lambda part: -part[1]):
        print(f"  {name:28}{ms:8.2f} ms {ms / whole:7.1%}")


def read_trace(path: Path) -> Counter[str]:
    """Return the milliseconds of each of PARTS in a trace of the profiler."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    parts: Counter[str] = Counter()
    for plane in XSpace.FromString(path.read_bytes()).planes:
        names = {key: entry.name for key, entry in plane.event_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                kind = names[event.metadata_id].rpartition(":")[2]  # "node:Operation"
                for part, name in PARTS.items():
                    if part in kind:
                        parts[name] += event.duration_ps / 1e9
                        break
    return parts


def print_without(config: Config, iterations: int, rounds: int) -> None:
    """Measure the step, and the step without one thing, in turn; print the median, lowest and highest difference."""
    steps = {"": train_step(config)[0]}
    for name, changed in WITHOUT.items():
        steps[name] = train_step(dataclasses.replace(config, **changed))[0]
    for step in steps.values():
        milliseconds(step, 3)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(statistics.median(milliseconds(step, iterations)))
    whole = statistics.median(times[""])
    print(f"{whole:.1f} ms without the profiler; what an iteration takes less (lowest to highest) without")
    for name in WITHOUT:
        saved = [one - other for one, other in zip(times[""], times[name], strict=True)]
        middle = statistics.median(saved)
        print(f"  {name:28}{middle:8.2f} ms {middle / whole:7.1%}   ({min(saved):.2f} to {max(saved):.2f} ms)")


if __name__ == "__main__":
    run_program(main)
