"""python benchmarks/starts.py: the seconds of each command's start, and how many of them are TensorFlow's own.

Each command does as little as it can, on the pretrained digits. The commands take turns; the table has medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

TENSORFLOW = "import tensorflow, keras"
COMMANDS = {
    "TensorFlow and Keras": ["-c", TENSORFLOW],
    "import dcgan_tf": ["-c", "import dcgan_tf"],
    "--help": ["--help"],
    "a wrong flag": ["--batchsize", "3"],
    "load and one image": ["-c", "import dcgan_tf; dcgan_tf.load('pretrained:mnist').generate(1)"],
    "--generate_test_images 1": ["--dataset=mnist", "--pretrained", "--generate_test_images=1"],
    "--grid 1x1": ["--dataset=mnist", "--pretrained", "--grid=1x1"],
    "--interpolate 0,1": ["--dataset=mnist", "--pretrained", "--interpolate=0,1"],
    "--freeze": ["--dataset=mnist", "--pretrained", "--freeze"],
    "--web": ["--dataset=mnist", "--pretrained", "--web"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="How long does each command take to start?")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, arguments in COMMANDS.items():
                times[name].append(seconds(arguments, folder))
    base = statistics.median(times["TensorFlow and Keras"])
    print(f"{'':28} seconds (lowest to highest)   more than TensorFlow")
    for name, each in times.items():
        median = statistics.median(each)
        print(f"{name:28} {median:6.2f}  ({min(each):.2f} to {max(each):.2f}) {median - base:16.2f}")


def seconds(arguments: list[str], folder: str) -> float:
    """Run Python with the arguments, or the program if they are flags; return its seconds."""
    command = [sys.executable, *arguments]
    if arguments[0] != "-c":
        command = [sys.executable, "-m", "dcgan_tf", *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=arguments[0] != "--batchsize")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
