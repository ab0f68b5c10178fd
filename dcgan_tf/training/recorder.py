"""What a training writes: curves for TensorBoard and the screen, sample sheets, evaluations, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.augment import augment, sample_augmentations
from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.pixels import to_float, to_uint8
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Run
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import reason
from dcgan_tf.system.files import atomic_write
from dcgan_tf.training.loader import Batch, Loader
from dcgan_tf.training.monitor import Monitor
from dcgan_tf.training.schedule import Schedule

Logged = dict[str, tf.Tensor]
OnLog = Callable[[dict[str, float]], None]  # called with the iteration and the losses, by name


class Recorder:
    """Writes the curves, sheets and checkpoints that are due. Only the chief, the first process, has one."""

    def __init__(
        self,
        config: Config,
        run: Run,
        dataset: Dataset,
        model: DCGAN,
        checkpoints: Checkpoints,
        loader: Loader,
        on_log: OnLog | None = None,
    ):
        """Args: what a training has; on_log: called with each logged iteration and its losses."""
        self.on_log = on_log
        self.config, self.run, self.model, self.checkpoints, self.loader = config, run, model, checkpoints, loader
        self.monitor = Monitor(config)
        self.sampler = Sampler(config, run, model, dataset, self.monitor)
        self.evaluator = PeriodicEvaluator(config, run, model, dataset) if config.evaluate_freq else None
        self.writer = tf.summary.create_file_writer(str(run.logs))
        epoch_length = loader.schedule.per_epoch
        self.epochs = math.ceil(loader.total / epoch_length)
        self.epoch_sheets = {epoch * epoch_length: f"epoch_{epoch:04d}.png" for epoch in config.epochs_to_keep}
        self.last_log = (model.iterations_done, time.perf_counter(), 0.0)  # iteration, time, seconds waited
        # Update the bar every 0.2 s on a terminal, and every 30 s in a log file.
        interval = 0.2 if sys.stderr.isatty() else 30
        self.progress = tqdm(initial=loader.start, total=loader.total, mininterval=interval, dynamic_ncols=True)

    def after(self, batch: Batch, logged: Logged) -> None:
        """Write what is due after the batch's last iteration. Raises UserError.

        Args:
          logged: what the train step returned.
        """
        config, iteration = self.config, batch.iteration
        self.progress.set_description(f"epoch {batch.epoch}/{self.epochs}", refresh=False)
        self.progress.update(len(batch.images))
        if iteration % config.log_freq == 0 or iteration == 1:
            self.progress.set_postfix(self.write_curves(iteration, logged), refresh=False)
        if iteration % config.sample_freq == 0:
            self.sampler.write(f"train_{iteration:08d}.png", iteration)
        if iteration in self.epoch_sheets:
            self.sampler.write(self.epoch_sheets[iteration], iteration)
        if self.evaluator and iteration % config.evaluate_freq == 0:
            self.evaluator.measure(self.writer, iteration)
        if iteration % config.ckpt_freq == 0:
            self.save(logged)

    def write_curves(self, iteration: int, logged: Logged) -> dict[str, str]:
        """Write the curves. Returns what the progress line shows."""
        losses = self.monitor.check_losses(logged, iteration)
        if self.on_log:
            self.on_log({"iteration": iteration} | losses)
        with warn_on_write_error("The curves"):
            write_summaries(self.writer, logged, losses, iteration, self.config)
        last, self.last_log = self.last_log, (iteration, time.perf_counter(), self.loader.seconds_waited)
        iterations, seconds, waited = (now - before for now, before in zip(self.last_log, last, strict=True))
        return {
            "d_loss": f"{losses['d_loss']:.4f}",
            "g_loss": f"{losses['g_loss']:.4f}",
            "images": f"{iteration * self.config.batch_size:,}",
            "images/s": f"{iterations * self.config.batch_size / seconds:.0f}",
            "waiting": f"{waited / seconds:.1%}",
        }

    def save(self, logged: Logged | None) -> str:
        """Save a checkpoint, unless a weight is not finite, and flush the curves. Return its path. Raises UserError."""
        if logged is not None:
            self.monitor.check_weights(self.model, logged, self.model.iterations_done)
        with warn_on_write_error("The curves"):
            self.writer.flush()
        return self.checkpoints.save()

    def finish(self, logged: Logged | None, finished: bool) -> str:
        """Write the last checkpoint and, if the training finished, the last sheet. Returns what to print about them."""
        if finished:
            self.sampler.write(f"train_{self.model.iterations_done:08d}.png", self.model.iterations_done)
        return f"; saved {self.save(logged)}\nSample sheets: {self.run.samples}"

    def close(self) -> None:
        """Close the progress bar."""
        self.progress.close()


class SilentRecorder:
    """Writes nothing. Used by the other workers."""

    def after(self, batch: Batch, logged: Logged) -> None:
        pass

    def finish(self, logged: Logged | None, finished: bool) -> str:
        return ""

    def close(self) -> None:
        pass


class Sampler:
    """Writes sheets of samples, all of the same z and labels, so that one can compare them."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: Dataset, monitor: Monitor):
        self.config, self.run, self.generator, self.monitor = config, run, model.sampler, monitor
        self.z = latents.sample_z(config.z_dist, config.seed, 0, (config.batch_size, config.z_dim))
        self.labels = tf.one_hot(dataset.labels[: config.batch_size], config.y_dim)
        self.sample = tf.function(lambda: self.generator(self.z, self.labels, training=False))

    def write(self, name: str, iteration: int) -> None:
        """Write a sheet of this iteration as a file with that name."""
        images = to_uint8(self.sample().numpy(), self.config.value_range)
        self.monitor.check_samples(images, iteration)
        with warn_on_write_error("The sheet"):
            image_files.save_png(self.run.samples / name, image_files.sheet(images))


class PeriodicEvaluator:
    """Evaluates during a training: writes curves, prints a line, and keeps the best checkpoint in the folder best."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: Dataset):
        from dcgan_tf.evaluation import evaluate  # imported here, because only --evaluate_freq needs them
        from dcgan_tf.sampling import sheets

        self.evaluate, self.run = evaluate, dataclasses.replace(run, best=True)
        self.scores_file = self.run.checkpoint_dir / "metrics.json"
        self.evaluator = evaluate.Evaluator(dataclasses.replace(config, seed=0), dataset)
        self.sample_fn = sheets.make_sample_fn(model.sampler, config)
        self.checkpoints = Checkpoints(model, self.run, 1)

    def measure(self, writer: tf.summary.SummaryWriter, iteration: int) -> None:
        """Evaluate now, and save the checkpoint if its score is the best so far."""
        scores = self.evaluator.measure(self.sample_fn)
        with warn_on_write_error("The curves"):
            self.evaluate.write_scalars(writer, scores, iteration)
        tqdm.write(f"Iteration {iteration}: " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))
        score, best = self.evaluate.score(scores), self._best_score()
        if score is not None and (best is None or score < best):
            self.checkpoints.save()
            with atomic_write(self.scores_file) as temporary:
                temporary.write_text(json.dumps({"iteration": iteration} | scores, indent=1), encoding="utf-8")

    def _best_score(self) -> float | None:
        return self.evaluate.score(json.loads(self.scores_file.read_text())) if self.scores_file.exists() else None


def write_summaries(
    writer: tf.summary.SummaryWriter, logged: Logged, losses: dict[str, float], iteration: int, config: Config
) -> None:
    """Write TensorBoard's losses, histograms of z, d and d_, and, if logged, G's images."""
    with writer.as_default(step=iteration):
        for name, value in losses.items():
            tf.summary.scalar(name, value)
        for name in ("z", "d", "d_"):
            tf.summary.histogram(name, logged[name])
        if "G" in logged:
            tf.summary.image("G", to_uint8(logged["G"].numpy(), config.value_range), max_outputs=16)


def write_reals(config: Config, run: Run, dataset: Dataset) -> None:
    """Write reals.png, the first batch as the networks see it; with --augment also augmented.png, as D sees it."""
    per_epoch = Schedule(config, len(dataset.images)).per_epoch
    first = dataset.first_batch(config.batch_size, per_epoch, config.seed, config.mirror)
    with warn_on_write_error("The sheet of real images"):
        image_files.save_png(run.samples / "reals.png", image_files.sheet(first))
        if config.augment:
            random = sample_augmentations(config.seed, 1, config.batch_size, 1)[:, 0]
            images = to_float(first, config.value_range)
            images = augment(images, random, config.augmentations, config.value_range).numpy()
            sheet = image_files.sheet(to_uint8(images, config.value_range))
            image_files.save_png(run.samples / "augmented.png", sheet)
    print(f"First batch: {run.samples / 'reals.png'} (look at it: the networks see these images)")


def remove_points_after(logs: Path, iteration: int) -> None:
    """Remove the points after `iteration` from the run's TensorBoard files, so that a resumed run has one curve."""
    for file in logs.glob("events.out.tfevents.*"):
        with atomic_write(file) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            try:
                for record in tf.data.TFRecordDataset(str(file)):
                    if tf.compat.v1.Event.FromString(record.numpy()).step <= iteration:
                        writer.write(record.numpy())
            except tf.errors.DataLossError:
                pass  # a killed training cut off the last record


@contextlib.contextmanager
def warn_on_write_error(what: str) -> Iterator[None]:
    """If the block cannot write, print a warning and go on: a sheet or a curve is not worth the training."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        tqdm.write(f"Warning: {what} could not be written ({reason(error)}); training goes on.", file=sys.stderr)
