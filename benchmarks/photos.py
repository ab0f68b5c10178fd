"""python benchmarks/photos.py: the first start on photos of 12 megapixels, which a JPEG decoder can reduce itself.

It reads the photos as a training does, for images of 64x64, in turn with the decoder's reduction and without. All
files are links to a few photos, which stay in memory: the time of a disk comes on top.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import simplejpeg
from PIL import Image

from dcgan_tf.data import decode
from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.settings.config import Config

WIDTH, HEIGHT = 4000, 3000
DISTINCT = 8  # different photos; the other files are links to these
PHOTOS = 10_000  # for which the time is computed


def main() -> None:
    parser = argparse.ArgumentParser(description="How long does the first start on large photos take?")
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        size = write_photos(Path(folder, "photos"), options.photos)
        cores = len(os.sched_getaffinity(0))
        print(f"{options.photos} photos of {WIDTH}x{HEIGHT}, {size / 1e6:.1f} MB each, {cores} cores")
        config = Config(dataset="photos", data_dir=folder, fit="cover", cache=False)
        times: dict[str, list[float]] = {"reduced by the decoder": [], "decoded in full": []}
        seconds(config)  # imports what it needs
        for _ in range(options.rounds):
            times["reduced by the decoder"].append(seconds(config))
            with mock.patch.object(decode, "_plain_jpeg", lambda data, spec: simplejpeg.decode_jpeg(data)):
                times["decoded in full"].append(seconds(config))
    for name, each in times.items():
        speeds = [options.photos / one for one in each]
        middle = statistics.median(speeds)
        print(
            f"{name:24}{middle:7.1f} photos/s ({min(speeds):.1f} to {max(speeds):.1f}),"
            f" {PHOTOS:,} in {PHOTOS / middle / 60:.1f} minutes"
        )


def seconds(config: Config) -> float:
    """Return how long it takes to read the data set."""
    start = time.perf_counter()
    read_dataset(config)
    return time.perf_counter() - start


def write_photos(folder: Path, count: int) -> float:
    """Write JPEG files with large and small details, as cameras do; return the mean size in bytes."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        file = folder / f"{number:05}.jpg"
        if number >= DISTINCT:
            os.link(folder / f"{number % DISTINCT:05}.jpg", file)
            continue
        large = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8)).resize((WIDTH, HEIGHT), Image.BICUBIC)
        small = random.normal(0, 6, (HEIGHT, WIDTH, 1))
        Image.fromarray((np.asarray(large) + small).clip(0, 255).astype(np.uint8)).save(file, quality=92)
    return statistics.mean(file.stat().st_size for file in folder.iterdir())


if __name__ == "__main__":
    main()
