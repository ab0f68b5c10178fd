"""The training loop: data -> train step -> scalars to TensorBoard and console, sheets, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import data, images, latents
from dcgan_tf.checkpoint import Checkpoints
from dcgan_tf.config import ARCHITECTURE, Config
from dcgan_tf.events import drop_after
from dcgan_tf.model import DCGAN, steps_per_call
from dcgan_tf.runs import Run, Runs, save_config


def begin(config: Config, runs: Runs, name: str) -> None:
    """Train a new run. Raises UserError before anything is written if it cannot begin."""
    dataset, config = data.load(config)
    train(config, runs.create(config, name), dataset)


def resume(run: Run, given: dict[str, Any]) -> None:
    """Go on with a run, with its own settings but for those given that do not shape the networks."""
    changed = {key: value for key, value in given.items() if key not in ARCHITECTURE}
    dataset, config = data.load(dataclasses.replace(run.config(), **changed))
    train(config, run, dataset, resumed=True)


def train(config: Config, run: Run, dataset: data.Dataset, resumed: bool = False) -> None:
    """Train until config.epoch epochs are done, or until SIGINT or SIGTERM: save, and exit with 128 + the signal."""
    model = DCGAN(config)
    checkpoints = Checkpoints(model, run, config.max_to_keep)
    if resumed:
        saved = checkpoints.manager.latest_checkpoint
        print(f"Going on from {checkpoints.restore() if saved else 'the beginning: nothing was saved yet'}")
        save_config(run, config)
        drop_after(run.logs, int(model.iteration))
    describe(config, run, dataset, model)
    steps = data.steps_per_epoch(dataset, config)
    step = model.make_step(config)
    sampler = Sampler(config, run, model, dataset)
    writer = tf.summary.create_file_writer(str(run.logs))
    start, total = int(model.iteration), config.epoch * steps
    logged_at = start, time.perf_counter()
    together, waiting = steps_per_call(config), []
    with stop_on_signals() as stopped, _progress(start, total) as progress:
        for iteration, (epoch, pictures, labels) in enumerate(dataset.batches(config, start), start + 1):
            if iteration > total or stopped:
                break
            waiting.append((pictures, labels))
            freqs = (config.log_freq, config.sample_freq, config.ckpt_freq, steps)
            if len(waiting) < together and iteration not in (1, total) and all(iteration % freq for freq in freqs):
                continue  # one call for several iterations, up to the next that leaves something behind
            logged = step(*map(np.stack, zip(*waiting, strict=True)))
            if iteration % config.log_freq == 0 or iteration == 1:
                write_summaries(writer, logged, iteration, config)
                losses = {name: f"{float(logged[name]):.4f}" for name in ("d_loss", "g_loss")}
                now = iteration, time.perf_counter()
                speed = (now[0] - logged_at[0]) * config.batch_size / (now[1] - logged_at[1])
                progress.set_postfix(losses | {"images/s": f"{speed:.0f}"}, refresh=False)
                logged_at = now
            progress.set_description(f"epoch {epoch + 1}/{config.epoch}", refresh=False)
            progress.update(len(waiting))
            waiting.clear()
            if iteration % config.sample_freq == 0:
                sampler.write(iteration)
            if iteration % config.ckpt_freq == 0:
                writer.flush()
                checkpoints.save()
    writer.close()
    path = checkpoints.save()
    print(f"{'Stopped' if stopped else 'Finished'} after iteration {int(model.iteration)} of {total}; saved {path}")
    if stopped:
        raise SystemExit(128 + stopped[0])
    sampler.write(int(model.iteration))
    print(f"Sample sheets: {run.samples}")


class Sampler:
    """The sheets of one fixed z (and, with labels, those of the first pictures), drawn once for the whole run."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: data.Dataset):
        self.config, self.run, self.generator = config, run, model.generator
        self.z = latents.draw(config.z_dist, config.seed, 0, (config.batch_size, config.z_dim))
        self.labels = tf.one_hot(dataset.labels[: config.batch_size], config.y_dim)
        self.sample = tf.function(lambda: self.generator(self.z, self.labels, training=False))

    def write(self, iteration: int) -> None:
        """Write train_<iteration>.png."""
        pictures = images.to_uint8(self.sample().numpy(), self.config.has_labels)
        images.save_png(self.run.samples / f"train_{iteration:08d}.png", images.sheet(pictures))


def write_summaries(writer: Any, logged: dict[str, tf.Tensor], iteration: int, config: Config) -> None:
    """The scalars, the histograms z, d, d_ and (with --G_img_sum) G's pictures of one iteration, to TensorBoard."""
    with writer.as_default(step=iteration):
        for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss"):
            tf.summary.scalar(name, logged[name])
        for name in ("z", "d", "d_"):
            tf.summary.histogram(name, logged[name])
        if "G" in logged:
            tf.summary.image("G", images.to_uint8(logged["G"].numpy(), config.has_labels), max_outputs=16)


def describe(config: Config, run: Run, dataset: data.Dataset, model: DCGAN) -> None:
    """Print the parameter table (the original's show_all_variables), the data, the device and the run's folders."""
    for network in (model.generator, model.discriminator):
        print(f"{network.name}: {sum(v.shape.num_elements() for v in network.trainable_variables):,} parameters")
        for variable in network.trainable_variables:
            print(f"  {variable.path:32} {'x'.join(map(str, variable.shape)):>16} {variable.shape.num_elements():>12,}")
    count, height, width, channels = dataset.images.shape
    classes = f"{config.y_dim} classes" if config.has_labels else "no classes"
    values = "[0, 1]" if config.has_labels else "[-1, 1]"
    print(f"Data:        {count:,} pictures {height}x{width}x{channels}, {classes}, range {values}")
    print(f"Read from:   {dataset.source}")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    print(f"Device:      {', '.join(d.get('device_name', 'GPU') for d in details) or 'CPU (TensorFlow sees no GPU)'}")
    print(f"Checkpoints: {run.checkpoints}\nSamples:     {run.samples}\nCurves:      tensorboard --logdir {run.logs}")


def _progress(start: int, total: int) -> tqdm:
    # A log file is no screen: there a line every half minute will do.
    return tqdm(initial=start, total=total, mininterval=0.2 if sys.stderr.isatty() else 30, dynamic_ncols=True)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[list[int]]:
    """A list that takes the number of the first SIGINT or SIGTERM; a second SIGINT ends at once."""
    received: list[int] = []

    def receive(number: int, frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
