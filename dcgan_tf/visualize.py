"""Pictures out of a trained run: the original's visualize (utils.py)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import images
from dcgan_tf.checkpoint import load_generator
from dcgan_tf.config import Z_DISTS, Config
from dcgan_tf.runs import Run


def visualize(run: Run, config: Config, option: int) -> None:
    """Write the pictures of one option into the run's samples: 0 a random sheet, 1 a sheet for each dimension of z."""
    generator, path = load_generator(run, config)
    print(f"Generator: {path}\nWriting to {run.samples}")
    run.samples.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(config.seed)
    (random_sheet, sweep_sheets)[option](generator, run, config, random)


def random_sheet(generator: tf.Module, run: Run, config: Config, random: np.random.Generator) -> None:
    """test_random.png: batch_size pictures of random z (and random labels)."""
    write_sheet(generator, run, config, draw(config, random), random_labels(config, random), "test_random.png")


def sweep_sheets(generator: tf.Module, run: Run, config: Config, random: np.random.Generator) -> None:
    """test_arange_<i>.png for each dimension i of z: random z, but z[i] goes from 0 up to 1 from picture to picture."""
    for dimension in tqdm(range(config.z_dim), "Sheets", unit="sheet"):
        z = draw(config, random)
        z[:, dimension] = np.arange(config.batch_size) / config.batch_size
        write_sheet(generator, run, config, z, random_labels(config, random), f"test_arange_{dimension}.png")


def draw(config: Config, random: np.random.Generator) -> np.ndarray:
    """Random z, float32 [batch_size, z_dim], distributed as in training."""
    a, b = Z_DISTS[config.z_dist]
    distribution = random.normal if config.z_dist == "normal01" else random.uniform
    return distribution(a, b, (config.batch_size, config.z_dim)).astype(np.float32)


def random_labels(config: Config, random: np.random.Generator) -> np.ndarray:
    """Random one-hot labels, float32 [batch_size, y_dim]."""
    if not config.has_labels:
        return np.zeros((config.batch_size, 0), np.float32)
    return np.eye(config.y_dim, dtype=np.float32)[random.integers(config.y_dim, size=config.batch_size)]


def write_sheet(generator: tf.Module, run: Run, config: Config, z: np.ndarray, labels: np.ndarray, name: str) -> None:
    """Write the generator's pictures of z [N, Z] and labels [N, Y] as one sheet."""
    pictures = images.to_uint8(generator(z, labels, training=False).numpy(), config.has_labels)
    images.save_png(run.samples / name, images.sheet(pictures))
