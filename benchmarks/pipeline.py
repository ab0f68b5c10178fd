"""python benchmarks/train_step.py --pipeline: how fast images are prepared, batches are made, and a training starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from dcgan_tf.data import prepare, sources
from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.settings.config import Config
from dcgan_tf.system.cache import cache_folder
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.startup import peak_memory, start_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

BATCHES = 1000
DISTINCT = 1000  # different images; the other files are copies of these
# A training whose networks are so small that their iteration takes little time. It prints a line after the first one.
TRAINING = """
import json, sys, dcgan_tf
dcgan_tf.train("faces", on_log=lambda values: print(values, flush=True), **json.loads(sys.argv[1]))
"""
SMALL = {"gf_dim": 8, "df_dim": 8, "log_freq": 1}


def pipeline(config: Config, count: int) -> None:
    """Print images/s for reading `count` JPEG files of 178x218 (crop 108x108, resize to 64x64), and for batches.

    For comparison, it also measures TensorFlow's decoders on the same files and cores.
    """
    start_tensorflow()
    write_faces(Path(config.data_dir) / config.dataset, count)
    source = sources.find(config)
    spec = ImageSpec.of(config)
    folder = cache_folder(config.cache_dir)
    print(f"{count:,} JPEG files of 178x218, on {os.cpu_count()} cores; resident before: {peak_memory() / 1e9:.2f} GB")
    prepared: list[prepare.Prepared] = []
    name = "decode, crop to 108x108, resize to 64x64"
    cold = measure(name, count, lambda: prepared.append(prepare.prepare(source, spec, config.cache_gb, folder)))
    dataset = Dataset(prepared[0].images, prepared[0].labels, (), spec, source.location, shuffle_each_epoch=True)
    location = "disk" if isinstance(dataset.images, np.memmap) else "memory"
    name = f"batches of {config.batch_size} of these, from {location}"
    batches = dataset.batches(config.batch_size, count // config.batch_size, seed=config.seed)
    measure(name, BATCHES * config.batch_size, lambda: deque(islice(batches, BATCHES), 0))
    print(f"Peak memory: {peak_memory() / 1e9:.2f} GB; the resized images are {dataset.images.nbytes / 1e9:.2f} GB")
    for name, decoded in decoders(Path(source.location)).items():
        speed = measure(name, 4 * min(count, DISTINCT), lambda decoded=decoded: deque(decoded, 0))
        print(f"  of which decoding, cropping and resizing reach {cold / speed:.0%}")
    settings = {name: getattr(config, name) for name in ("data_dir", "cache_dir", "crop", "cache_gb")}
    settings |= {"out_dir": config.data_dir, **SMALL}
    print("From the command to the end of the first iteration:")
    for name, own in {
        "all images are decoded": {"iterations": 1},
        "read from the cache": {"iterations": 1},
        "read from the cache, --resume": {"iterations": 2, "resume": True},
    }.items():
        print(f"  {name:40}{first_iteration(settings | own):12.1f} s", flush=True)


def first_iteration(settings: dict[str, Any]) -> float:
    """Run a training in a new process. Return the seconds until its first iteration is done."""
    started = time.perf_counter()
    command = [sys.executable, "-c", TRAINING, json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
    if not line or process.returncode:
        raise UserError(f"The training of the benchmark failed with exit code {process.returncode}; see above.")
    return seconds


def measure(name: str, count: int, work: Callable[[], object]) -> float:
    """Run `work`; print and return its images/s. Other programs change CPU time less than wall-clock time."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    speed, cpu = count / (time.perf_counter() - started), (time.process_time() - cpu) / count
    print(f"{name:42}{speed:12,.0f} images/s{1000 * cpu:9.3f} ms of CPU each", flush=True)
    return speed


def write_faces(folder: Path, count: int) -> None:
    """JPEG files 178 wide and 218 high, as large as CelebA's."""
    folder.mkdir()
    random, encoded = np.random.default_rng(0), []
    for number in range(count):
        file = folder / f"{number:06}.jpg"
        if number >= DISTINCT:
            file.write_bytes(encoded[number % DISTINCT])
            continue
        smooth = Image.fromarray(random.integers(0, 256, (28, 23, 3), np.uint8)).resize((178, 218), Image.BICUBIC)
        noise = random.normal(0, 6, (218, 178, 3))
        Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)).save(file)
        encoded.append(file.read_bytes())


def decoders(folder: Path) -> dict[str, Iterable[tf.Tensor]]:
    """Return data sets in which tf.io decodes the files four times on all cores: whole, and only the crop."""
    import tensorflow as tf

    files = sorted(map(str, folder.iterdir()))[:DISTINCT]
    window = [55, 35, 108, 108]  # the centre 108x108 of 178x218
    cropped = "tf.io.decode_and_crop_jpeg alone"
    decode = {"tf.io.decode_jpeg alone": tf.io.decode_jpeg, cropped: lambda x: tf.io.decode_and_crop_jpeg(x, window)}
    paths = tf.data.Dataset.from_tensor_slices(files).repeat(4)
    return {
        name: paths.map(lambda file, f=function: f(tf.io.read_file(file)), num_parallel_calls=os.cpu_count())
        for name, function in decode.items()
    }


def main(count: int, cache_gb: float) -> None:
    """Measure with `count` JPEG files in a temporary folder. Raises UserError."""
    if count < 64:
        raise UserError(f"--pictures must be at least 64, one batch, but is {count}.")
    with tempfile.TemporaryDirectory() as folder:
        cache_dir = str(Path(folder, "cache"))
        pipeline(Config(dataset="faces", data_dir=folder, crop=True, cache_gb=cache_gb, cache_dir=cache_dir), count)
