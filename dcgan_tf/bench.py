"""How fast this machine is: python -m dcgan_tf.bench --pipeline [--pictures N] [--cache_gb N]."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from dcgan_tf import data, pictures, sources
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.startup import start_tensorflow

DISTINCT = 1000  # JPEG files written; more pictures are further links to them


def pipeline(config: Config, count: int) -> None:
    """Print pictures/s of `count` JPEG files, 178x218, cropped to 108x108 and resized to 64x64; then of batches.

    TensorFlow's decoder alone, on as many cores, stands beside it.
    """
    start_tensorflow()
    write_faces(Path(config.data_dir) / config.dataset, count)
    config = data.complete(config, source := sources.find(config))
    print(f"{count:,} JPEG files of 178x218, on {os.cpu_count()} cores; resident before: {peak_memory():.2f} GB")
    started = time.perf_counter()
    prepared = pictures.prepare(source, config)
    cold = count / (time.perf_counter() - started)
    print(f"Decode, crop to 108x108, resize to 64x64: {cold:9,.0f} pictures/s")
    dataset = data.Dataset(prepared.images, prepared.labels, source.where, reshuffled=True)
    batches, seconds = dataset.batches(config, 0), 0.0
    next(batches)
    gathered, started = 0, time.perf_counter()
    while seconds < 2:
        gathered += len(next(batches)[1])
        seconds = time.perf_counter() - started
    where = "disk" if isinstance(prepared.images, np.memmap) else "memory"
    print(f"Batches of {config.batch_size} of these, from {where}:{gathered / seconds:13,.0f} pictures/s")
    print(f"Peak memory: {peak_memory():.2f} GB; the resized pictures are {prepared.images.nbytes / 1e9:.2f} GB")
    for name, speed in decoder_alone(Path(source.where)).items():
        print(f"{name}:{speed:12,.0f} pictures/s; the above is {cold / speed:.0%} of it")


def write_faces(folder: Path, count: int) -> None:
    """JPEG files 178 wide and 218 high, as large as CelebA's."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        file = folder / f"{number:06}.jpg"
        if number >= DISTINCT:
            os.link(folder / f"{number % DISTINCT:06}.jpg", file)
            continue
        smooth = Image.fromarray(random.integers(0, 256, (28, 23, 3), np.uint8)).resize((178, 218), Image.BICUBIC)
        noise = random.normal(0, 6, (218, 178, 3))
        Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)).save(file)


def decoder_alone(folder: Path) -> dict[str, float]:
    """Pictures/s of tf.io on the same files, on all cores: the whole picture, and only its crop window."""
    import tensorflow as tf

    files = [str(folder / f"{number:06}.jpg") for number in range(min(DISTINCT, len(os.listdir(folder))))]
    window = [55, 35, 108, 108]  # the centre 108x108 of 178x218
    decoders: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
        "tf.io.decode_jpeg alone                 ": tf.io.decode_jpeg,
        "tf.io.decode_and_crop_jpeg alone        ": lambda content: tf.io.decode_and_crop_jpeg(content, window),
    }
    speeds = {}
    for name, decode in decoders.items():
        decoded = tf.data.Dataset.from_tensor_slices(files).repeat(4)
        decoded = decoded.map(lambda file, d=decode: d(tf.io.read_file(file)), num_parallel_calls=os.cpu_count())
        for _ in decoded.take(50):
            pass
        started = time.perf_counter()
        for _ in decoded:
            pass
        speeds[name] = 4 * len(files) / (time.perf_counter() - started)
    return speeds


def peak_memory() -> float:
    """The most that this process has had in memory so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(argv: list[str]) -> None:
    """Run the benchmark named. Raises UserError."""
    parser = argparse.ArgumentParser(prog="python -m dcgan_tf.bench", description="Measure how fast this machine is.")
    parser.add_argument("--pipeline", action="store_true", help="pictures/s from JPEG files, and from the cache")
    parser.add_argument("--pictures", type=int, default=10_000, help="how many JPEG files (10,000)")
    parser.add_argument("--cache_gb", type=float, default=4, help="memory for the resized pictures (4)")
    arguments = parser.parse_args(argv)
    if not arguments.pipeline:
        parser.error("name what to measure: --pipeline")
    if arguments.pictures < 64:
        raise UserError(f"--pictures must be at least 64, a batch, but is {arguments.pictures}.")
    with tempfile.TemporaryDirectory() as folder:
        config = Config(dataset="faces", data_dir=folder, crop=True, cache_gb=arguments.cache_gb)
        pipeline(config, arguments.pictures)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
