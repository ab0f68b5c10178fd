"""python benchmarks/growth.py: how time and memory grow with the number of images, and with their size.

Every figure is of a command of the program, in a process of its own, with the networks of --preset small in float32. An
iteration is the difference between two trainings that differ in their number of iterations only, the median of several
pairs; both read the images from the cache.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FEW = 300  # images; the others are 10 and 100 times as many
FACTORS = (1, 10, 100)
SIZES = (64, 128, 256)
LONGER = {64: 60, 128: 20, 256: 8}  # iterations more in the second training
PAIRS = 3  # of trainings, for the time of an iteration
QUIET = ["--log_freq=100000", "--ckpt_freq=100000", "--sample_freq=100000"]
NETWORKS = ["--preset=small", "--precision=float32", "--xla=off"]


@dataclass
class Cost:
    """What a command took."""

    seconds: float
    megabytes: float  # largest resident memory

    def __str__(self) -> str:
        return f"{self.seconds:8.1f} s {self.megabytes:7.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description="How do time and memory grow with the images?")
    parser.add_argument("--few", type=int, default=FEW, help="images; the others are 10 and 100 times as many")
    few = parser.parse_args().few
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for factor in FACTORS:
            write_images(place / "data" / str(few * factor), few * factor, 64)
        write_images(place / "data" / "large", few, max(SIZES))
        run(place, f"--dataset={few}", "--train", "--iterations=1", "--nocache")  # brings TensorFlow into memory
        table_of_images(place, few)
        table_of_sizes(place)
        table_of_samples(place, few)


def table_of_images(place: Path, few: int) -> None:
    print("\nimages of 64x64 | first start, 1 iteration | a later one | an iteration, s", flush=True)
    for factor in FACTORS:
        name = str(few * factor)
        first = run(place, f"--dataset={name}", "--train", "--iterations=1")
        later, iteration = iteration_of(place, f"--dataset={name}", 64)
        print(f"{few * factor:15,} | {first} | {later} | {iteration:.3f}", flush=True)


def table_of_sizes(place: Path) -> None:
    print("\nsize | start and 1 iteration | an iteration, s", flush=True)
    for size in SIZES:
        run(place, "--dataset=large", "--train", f"--output_height={size}", "--iterations=1")  # fills the cache
        start, iteration = iteration_of(place, "--dataset=large", size)
        print(f"{size:4} | {start} | {iteration:.3f}", flush=True)


def table_of_samples(place: Path, few: int) -> None:
    """Sampling and evaluating, with the run on the fewest images."""
    print("\nimages | --generate_test_images | --evaluate, without a network for features", flush=True)
    for factor in FACTORS:
        count = few * factor
        made = run(place, f"--dataset={few}", f"--generate_test_images={count}")
        judged = run(place, f"--dataset={few}", "--evaluate", f"--evaluate_samples={count}")
        print(f"{count:6,} | {made} | {judged}", flush=True)


def iteration_of(place: Path, dataset: str, size: int) -> tuple[Cost, float]:
    """Return the cost of a training of one iteration, and the seconds of each further iteration."""
    training = [dataset, "--train", f"--output_height={size}"]
    costs = []
    differences = []
    for _ in range(PAIRS):
        costs.append(run(place, *training, "--iterations=1"))
        longer = run(place, *training, f"--iterations={1 + LONGER[size]}")
        differences.append((longer.seconds - costs[-1].seconds) / LONGER[size])
    costs.sort(key=lambda cost: cost.seconds)
    return costs[PAIRS // 2], statistics.median(differences)


def run(place: Path, *flags: str) -> Cost:
    """Run the program with the flags, and wait for it."""
    if "--train" in flags:
        flags = (*flags, *QUIET, *NETWORKS)
    command = [sys.executable, "-m", "dcgan_tf", *flags, f"--data_dir={place / 'data'}", f"--out_dir={place}"]
    # Neither a network nor Keras's folder, so that there are no weights of InceptionV3.
    places = {"XDG_CACHE_HOME": str(place / "cache"), "KERAS_HOME": str(place / "keras")}
    environment = os.environ | places | {"https_proxy": "http://127.0.0.1:9"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{errors}")
    return Cost(time.perf_counter() - start, usage.ru_maxrss * 1024 / 1e6)


def write_images(folder: Path, count: int, size: int) -> None:
    """Write PNG files of smooth noise."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        small.resize((size, size), Image.BICUBIC).save(folder / f"{number:06}.png")


if __name__ == "__main__":
    main()
