"""What a training leaves behind: scalars to TensorBoard and the screen, sheets, evaluations, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import latents
from dcgan_tf.checkpoint import Checkpoints
from dcgan_tf.config import Config
from dcgan_tf.data.dataset import Dataset, steps_per_epoch
from dcgan_tf.errors import reason
from dcgan_tf.files import atomic_write
from dcgan_tf.generation import image_files
from dcgan_tf.model import DCGAN
from dcgan_tf.runs import Run
from dcgan_tf.training.monitor import Monitor
from dcgan_tf.value_range import to_uint8


class Recorder:
    """Writes all that the run's settings ask for, each at its iterations."""

    def __init__(self, config: Config, run: Run, dataset: Dataset, model: DCGAN, checkpoints: Checkpoints):
        self.config, self.run, self.model, self.checkpoints = config, run, model, checkpoints
        self.monitor = Monitor(config)
        self.sampler = Sampler(config, run, model, dataset, self.monitor)
        self.evaluator = PeriodicEvaluator(config, run, model, dataset) if config.evaluate_freq else None
        self.writer = tf.summary.create_file_writer(str(run.logs))
        steps = steps_per_epoch(dataset, config)
        self.kept = {epoch * steps: f"epoch_{epoch:04d}.png" for epoch in config.epochs_to_keep}
        self.logged_at = int(model.iteration.numpy()), time.perf_counter(), 0.0

    def after(self, iteration: int, logged: dict[str, tf.Tensor], progress: tqdm, waited: float) -> None:
        """What this iteration leaves behind. Raises UserError.

        Args:
          logged: what the train step gave.
          waited: seconds for which the networks have waited for pictures so far.
        """
        config = self.config
        if iteration % config.log_freq == 0 or iteration == 1:
            progress.set_postfix(self.curves(iteration, logged, waited), refresh=False)
        if iteration % config.sample_freq == 0:
            self.sampler.write(iteration)
        if iteration in self.kept:
            self.sampler.write(iteration, self.kept[iteration])
        if self.evaluator and iteration % config.evaluate_freq == 0:
            self.evaluator.measure(self.writer, iteration)
        if iteration % config.ckpt_freq == 0:
            self.save(logged)

    def curves(self, iteration: int, logged: dict[str, tf.Tensor], waited: float) -> dict[str, str]:
        """Write the curves; returns what the screen shows of them."""
        losses = self.monitor.check_losses(logged, iteration)
        with warn_on_write_error("The curves"):
            write_summaries(self.writer, logged, losses, iteration, self.config)
        before, self.logged_at = self.logged_at, (iteration, time.perf_counter(), waited)
        iterations, seconds, waited = (now - then for now, then in zip(self.logged_at, before, strict=True))
        postfix = {name: f"{losses[name]:.4f}" for name in ("d_loss", "g_loss")}
        postfix["images/s"] = f"{iterations * self.config.batch_size / seconds:.0f}"
        return postfix | {"waiting": f"{waited / seconds:.1%}"}

    def save(self, logged: dict[str, tf.Tensor] | None) -> str:
        """Save, unless bad numbers would replace good ones; the curves on disk reach the checkpoint.

        Returns the checkpoint's path. Raises UserError.
        """
        if logged is not None:
            self.monitor.check_weights(self.model, logged, int(self.model.iteration.numpy()))
        with warn_on_write_error("The curves"):
            self.writer.flush()
        return self.checkpoints.save()

    def finish(self, logged: dict[str, tf.Tensor] | None, stopped: bool) -> str:
        """The last sheet, unless the training was stopped, and the last checkpoint; returns what to say of them."""
        if not stopped:
            self.sampler.write(int(self.model.iteration.numpy()))
        return f"; saved {self.save(logged)}\nSample sheets: {self.run.samples}"


class Sampler:
    """The sheets of one fixed z (and, with labels, those of the first pictures), drawn once for the whole run."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: Dataset, monitor: Monitor):
        self.config, self.run, self.generator, self.monitor = config, run, model.sampler, monitor
        self.z = latents.sample_z(config.z_dist, config.seed, 0, (config.batch_size, config.z_dim))
        self.labels = tf.one_hot(dataset.labels[: config.batch_size], config.y_dim)
        self.sample = tf.function(lambda: self.generator(self.z, self.labels, training=False))

    def write(self, iteration: int, name: str = "") -> None:
        """Write train_<iteration>.png, or under the name given."""
        images = to_uint8(self.sample().numpy(), self.config.value_range)
        self.monitor.check_samples(images)
        with warn_on_write_error("The sheet"):
            image_files.save_png(self.run.samples / (name or f"train_{iteration:08d}.png"), image_files.sheet(images))


class PeriodicEvaluator:
    """Evaluations during a training: curves, a line each, and the checkpoint that scored best in best/."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: Dataset):
        from dcgan_tf.evaluation import evaluate  # not sooner: few trainings are evaluated as they go
        from dcgan_tf.generation import generate  # not sooner: few trainings are evaluated as they go

        self.evaluate, self.run = evaluate, dataclasses.replace(run, best=True)
        self.file = self.run.checkpoint_dir / "metrics.json"
        self.evaluator = evaluate.Evaluator(dataclasses.replace(config, seed=0), dataset)
        self.generator = generate.make_sample_fn(model.sampler, config)
        self.checkpoints = Checkpoints(model, self.run, 1)

    def measure(self, writer: Any, iteration: int) -> None:
        scores = self.evaluator.measure(self.generator)
        with warn_on_write_error("The curves"):
            self.evaluate.write_scalars(writer, scores, iteration)
        tqdm.write(f"Iteration {iteration}: " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))
        now = self.evaluate.score(scores)
        before = self.evaluate.score(json.loads(self.file.read_text())) if self.file.exists() else None
        if now is not None and (before is None or now < before):
            self.checkpoints.save()
            with atomic_write(self.file) as temporary:
                temporary.write_text(json.dumps({"iteration": iteration} | scores, indent=1), encoding="utf-8")


def write_summaries(writer: Any, logged: dict, losses: dict[str, float], iteration: int, config: Config) -> None:
    """The scalars, the histograms z, d, d_ and (with --G_img_sum) G's pictures of one iteration, to TensorBoard."""
    with writer.as_default(step=iteration):
        for name, value in losses.items():
            tf.summary.scalar(name, value)
        for name in ("z", "d", "d_"):
            tf.summary.histogram(name, logged[name])
        if "G" in logged:
            tf.summary.image("G", to_uint8(logged["G"].numpy(), config.value_range), max_outputs=16)


def write_reals(config: Config, run: Run, dataset: Dataset) -> None:
    """Write reals.png: the first batch as the networks see it."""
    first = dataset.images[dataset.order(config.seed, 0)[: config.batch_size]]
    with warn_on_write_error("The sheet of real pictures"):
        image_files.save_png(run.samples / "reals.png", image_files.sheet(first))
    print(f"First batch: {run.samples / 'reals.png'} (look at it: this is what the networks see)")


@contextlib.contextmanager
def warn_on_write_error(what: str) -> Iterator[None]:
    """Sheets and curves that cannot be written are told of, and training goes on."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        tqdm.write(f"Warning: {what} could not be written ({reason(error)}); training goes on.", file=sys.stderr)
