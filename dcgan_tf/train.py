"""The training loop: data -> train step -> scalars to TensorBoard and console, sheets, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import data, images, latents, original
from dcgan_tf.checkpoint import Checkpoints
from dcgan_tf.config import ARCHITECTURE, Config
from dcgan_tf.errors import UserError, reason
from dcgan_tf.events import drop_after
from dcgan_tf.model import DCGAN, steps_per_call
from dcgan_tf.runs import Run, Runs, locked, remove_temporaries, replaced, save_config
from dcgan_tf.watch import Watch


def begin(config: Config, runs: Runs, name: str, weights: str = "", sizes: dict[str, Any] | None = None) -> None:
    """Train a new run, from a checkpoint of the original and the sizes it has if they are given.

    Raises UserError before anything is written if it cannot begin.
    """
    sizes = dict(sizes or {})
    classes = sizes.pop("class_names", None)
    dataset, config = data.load(dataclasses.replace(config, **sizes))
    if classes is not None and len(classes) != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the checkpoint {weights} {len(classes)};"
            " name a data set like the one it was trained on."
        )
    train(config, runs.create(config, name), dataset, weights=weights)


def resume(run: Run, given: dict[str, Any]) -> None:
    """Go on with a run, with its own settings but for those given that do not shape the networks."""
    changed = {key: value for key, value in given.items() if key not in ARCHITECTURE}
    dataset, config = data.load(dataclasses.replace(run.config(), **changed))
    train(config, run, dataset, resumed=True)


def train(config: Config, run: Run, dataset: data.Dataset, resumed: bool = False, weights: str = "") -> None:
    """Train until config.epoch epochs are done, or until SIGINT or SIGTERM: save, and exit with 128 + the signal.

    Raises UserError if a loss or weight is no longer finite, or a checkpoint cannot be written.
    """
    with locked(run), stop_on_signals() as stopped:
        model = DCGAN(config)
        checkpoints = Checkpoints(model, run, config.max_to_keep)
        if weights:
            print(f"Weights from {original.assign(weights, model.generator, model.discriminator)}")
        if resumed:
            print(f"Going on from {checkpoints.restore() or 'the beginning: nothing was saved yet'}")
            remove_temporaries(run)
            save_config(run, config)
            with excused("The curves"):
                drop_after(run.logs, int(model.iteration))
        describe(config, run, dataset, model)
        write_reals(config, run, dataset)
        total = config.epoch * data.steps_per_epoch(dataset, config)
        path = iterate(config, run, dataset, model, checkpoints, total, stopped)
    done = f"after iteration {int(model.iteration)} of {total}; saved {path}\nSample sheets: {run.samples}"
    print(f"{'Stopped' if stopped else 'Finished'} {done}")
    if stopped:
        print("Go on with the same command and --resume.")
        raise SystemExit(128 + stopped[0])
    with excused("The story"):
        from dcgan_tf.story import write_story  # not sooner: it brings matplotlib

        print("Its story:", *(f"    {path}" for path in write_story(run)), sep="\n")


def iterate(
    config: Config,
    run: Run,
    dataset: data.Dataset,
    model: DCGAN,
    checkpoints: Checkpoints,
    total: int,
    stopped: list[int],
) -> str:
    """The iterations up to `total`, or until `stopped` holds a signal; returns the last checkpoint's path."""
    step, watch = model.make_step(config), Watch(config)
    sampler = Sampler(config, run, model, dataset, watch)
    judge = Judge(config, run, model, dataset) if config.evaluate_freq else None
    writer = tf.summary.create_file_writer(str(run.logs))
    steps = data.steps_per_epoch(dataset, config)
    kept = {epoch * steps: f"epoch_{epoch:04d}.png" for epoch in config.epochs_to_keep}
    start, logged, logged_at = int(model.iteration), None, (int(model.iteration), time.perf_counter())
    together, waiting = steps_per_call(config), []
    with _progress(start, total) as progress:
        for iteration, (epoch, pictures, labels) in enumerate(dataset.batches(config, start), start + 1):
            if iteration > total or stopped:
                break
            waiting.append((pictures, labels))
            freqs = (
                config.log_freq,
                config.sample_freq,
                config.ckpt_freq,
                config.evaluate_freq or total,
                steps,
            )  # kept sheets are at epochs' ends
            if len(waiting) < together and iteration not in (1, total) and all(iteration % freq for freq in freqs):
                continue  # one call for several iterations, up to the next that leaves something behind
            logged = step(*map(np.stack, zip(*waiting, strict=True)))
            if iteration % config.log_freq == 0 or iteration == 1:
                losses = watch.losses(logged, iteration)
                with excused("The curves"):
                    write_summaries(writer, logged, losses, iteration, config)
                now = iteration, time.perf_counter()
                speed = (now[0] - logged_at[0]) * config.batch_size / (now[1] - logged_at[1])
                shown = {name: f"{losses[name]:.4f}" for name in ("d_loss", "g_loss")} | {"images/s": f"{speed:.0f}"}
                progress.set_postfix(shown, refresh=False)
                logged_at = now
            progress.set_description(f"epoch {epoch + 1}/{config.epoch}", refresh=False)
            progress.update(len(waiting))
            waiting.clear()
            if iteration % config.sample_freq == 0:
                sampler.write(iteration)
            if iteration in kept:
                sampler.write(iteration, kept[iteration])
            if judge and iteration % config.evaluate_freq == 0:
                judge.measure(writer, iteration)
            if iteration % config.ckpt_freq == 0:
                save(model, checkpoints, watch, logged, writer)
    if not stopped:
        sampler.write(int(model.iteration))
    return save(model, checkpoints, watch, logged, writer)


def save(model: DCGAN, checkpoints: Checkpoints, watch: Watch, logged: dict | None, writer: Any) -> str:
    """Save, unless bad numbers would replace good ones; the curves on disk reach the checkpoint. Raises UserError."""
    if logged is not None:
        watch.weights(model, logged, int(model.iteration))
    with excused("The curves"):
        writer.flush()
    return checkpoints.save()


@contextlib.contextmanager
def excused(what: str) -> Iterator[None]:
    """Sheets and curves that cannot be written are told of, and training goes on."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        tqdm.write(f"Warning: {what} could not be written ({reason(error)}); training goes on.", file=sys.stderr)


def write_reals(config: Config, run: Run, dataset: data.Dataset) -> None:
    """Write reals.png: the first batch as the networks see it."""
    first = dataset.images[dataset.order(config.seed, 0)[: config.batch_size]]
    with excused("The sheet of real pictures"):
        images.save_png(run.samples / "reals.png", images.sheet(first))
    print(f"First batch: {run.samples / 'reals.png'} (look at it: this is what the networks see)")


class Sampler:
    """The sheets of one fixed z (and, with labels, those of the first pictures), drawn once for the whole run."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: data.Dataset, watch: Watch):
        self.config, self.run, self.generator, self.watch = config, run, model.sampler, watch
        self.z = latents.draw(config.z_dist, config.seed, 0, (config.batch_size, config.z_dim))
        self.labels = tf.one_hot(dataset.labels[: config.batch_size], config.y_dim)
        self.sample = tf.function(lambda: self.generator(self.z, self.labels, training=False))

    def write(self, iteration: int, name: str = "") -> None:
        """Write train_<iteration>.png, or under the name given."""
        pictures = images.to_uint8(self.sample().numpy(), self.config.has_labels)
        self.watch.samples(pictures)
        with excused("The sheet"):
            images.save_png(self.run.samples / (name or f"train_{iteration:08d}.png"), images.sheet(pictures))


class Judge:
    """Evaluations during a training: curves, a line each, and the checkpoint that scored best in best/."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: data.Dataset):
        from dcgan_tf import evaluate, generate  # not sooner: few trainings are evaluated as they go

        self.evaluate, self.run = evaluate, dataclasses.replace(run, best=True)
        self.file = self.run.weights / "metrics.json"
        self.evaluator = evaluate.Evaluator(dataclasses.replace(config, seed=0), dataset)
        self.generator = generate.inference(model.sampler, config)
        self.checkpoints = Checkpoints(model, self.run, 1)

    def measure(self, writer: Any, iteration: int) -> None:
        scores = self.evaluator.measure(self.generator)
        with excused("The curves"):
            self.evaluate.write_scalars(writer, scores, iteration)
        tqdm.write(f"Iteration {iteration}: " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))
        now = self.evaluate.score(scores)
        before = self.evaluate.score(json.loads(self.file.read_text())) if self.file.exists() else None
        if now is not None and (before is None or now < before):
            self.checkpoints.save()
            with replaced(self.file) as temporary:
                temporary.write_text(json.dumps({"iteration": iteration} | scores, indent=1), encoding="utf-8")


def write_summaries(writer: Any, logged: dict, losses: dict[str, float], iteration: int, config: Config) -> None:
    """The scalars, the histograms z, d, d_ and (with --G_img_sum) G's pictures of one iteration, to TensorBoard."""
    with writer.as_default(step=iteration):
        for name, value in losses.items():
            tf.summary.scalar(name, value)
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
