"""The training loop: data -> train step -> what a Recorder leaves behind."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from dcgan_tf import tf1_checkpoint
from dcgan_tf.checkpoint import Checkpoints
from dcgan_tf.config import ARCHITECTURE, Config
from dcgan_tf.data.dataset import Dataset, load_dataset, steps_per_epoch
from dcgan_tf.errors import UserError
from dcgan_tf.files import remove_temporary_files
from dcgan_tf.model import DCGAN, Step, steps_per_call
from dcgan_tf.runs import Run, Runs, save_config, training_lock
from dcgan_tf.training.cluster import Cluster, init_cluster
from dcgan_tf.training.events import drop_after
from dcgan_tf.training.recorder import Recorder, warn_on_write_error, write_reals


def train_new(config: Config, runs: Runs, name: str, weights: str = "", sizes: dict[str, Any] | None = None) -> None:
    """Train a new run, from a checkpoint of the original and the sizes it has if they are given.

    Raises UserError before anything is written if it cannot begin.
    """
    sizes = dict(sizes or {})
    classes = sizes.pop("class_names", None)
    cluster, dataset, config = setup(dataclasses.replace(config, **sizes))
    if classes is not None and len(classes) != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the checkpoint {weights} {len(classes)};"
            " name a data set like the one it was trained on."
        )
    train(config, runs.create(config, name) if cluster.is_chief else None, dataset, cluster, weights=weights)


def resume(run: Run, given: dict[str, Any]) -> None:
    """Go on with a run, with its own settings but for those given that do not shape the networks."""
    changed = {"strategy": "auto"} | {key: value for key, value in given.items() if key not in ARCHITECTURE}
    cluster, dataset, config = setup(dataclasses.replace(run.config(), **changed))
    train(config, run if cluster.is_chief else None, dataset, cluster, resumed=True)


def setup(config: Config) -> tuple[Cluster, Dataset, Config]:
    """All that take part and the data, with the settings as the data completes them. Raises UserError."""
    cluster = init_cluster(config)
    dataset, config = load_dataset(config)
    if len(cluster.members) > 1:
        cluster.check_same_settings(summary(config, dataset))
    return cluster, dataset, config


def summary(config: Config, dataset: Dataset) -> str:
    """What all workers must have alike: settings that are not a machine's own, labels, and a sample of the pictures."""
    known = [f for f in dataclasses.fields(config) if f.name not in ("data_dir", "cache_dir", "cache_gb")]
    settings = {f.name: getattr(config, f.name) for f in known if getattr(config, f.name) != f.default}
    some = dataset.images[:: len(dataset.images) // 64 + 1]
    digest = zlib.crc32(some.tobytes(), zlib.crc32(dataset.labels.tobytes()))
    return f"{settings}, pictures {dataset.images.shape} with the digest {digest:08x}"


def train(
    config: Config,
    run: Run | None,
    dataset: Dataset,
    cluster: Cluster,
    resumed: bool = False,
    weights: str = "",
) -> None:
    """Train until config.epoch epochs are done, or until SIGINT or SIGTERM: save, and exit with 128 + the signal.

    Args:
      run: for the chief, which alone writes and reads it; None for the other workers.
    Raises UserError if a loss or weight is no longer finite, a checkpoint cannot be written, or a worker is lost.
    """
    with cluster.report_lost_worker(), stop_on_signals() as stopped, contextlib.ExitStack() as held:
        if run:
            held.enter_context(training_lock(run))
        with cluster.strategy.scope():
            model = DCGAN(config)
            step = model.make_step(config)
        recorder = prepare(config, run, dataset, model, resumed, weights) if run else None
        cluster.broadcast_from_chief(model.state().values())
        total = config.epoch * steps_per_epoch(dataset, config)
        logged = run_loop(config, dataset, model, step, cluster, recorder, total, stopped)
        early = int(model.iteration.numpy()) < total
        done = f"{'Stopped' if early else 'Finished'} after iteration {int(model.iteration.numpy())} of {total}"
        if recorder:
            done += recorder.finish(logged, early)
        print(done)
        if not early:
            cluster.broadcast_from_chief([model.iteration])  # a worker that leaves sooner is taken for lost
    if early:
        print("Go on with the same command and --resume.")
        raise SystemExit(128 + stopped[0])
    if run:
        with warn_on_write_error("The story"):
            from dcgan_tf.generation.report import write_report  # not sooner: it brings matplotlib

            print("Its story:", *(f"    {path}" for path in write_report(run)), sep="\n")


def prepare(config: Config, run: Run, dataset: Dataset, model: DCGAN, resumed: bool, weights: str) -> Recorder:
    """The weights as they were saved, the run's folders tidy, and all of it told. Raises UserError."""
    checkpoints = Checkpoints(model, run, config.max_to_keep)
    if weights:
        print(f"Weights from {tf1_checkpoint.assign(weights, model.generator, model.discriminator)}")
    if resumed:
        print(f"Going on from {checkpoints.restore() or 'the beginning: nothing was saved yet'}")
        remove_temporary_files((run.checkpoints, run.samples, run.logs))
        save_config(run, config)
        with warn_on_write_error("The curves"):
            drop_after(run.logs, int(model.iteration.numpy()))
    describe(config, run, dataset, model)
    write_reals(config, run, dataset)
    return Recorder(config, run, dataset, model, checkpoints)


def run_loop(
    config: Config,
    dataset: Dataset,
    model: DCGAN,
    step: Step,
    cluster: Cluster,
    recorder: Recorder | None,
    total: int,
    stopped: list[int],
) -> dict[str, tf.Tensor] | None:
    """The iterations up to `total`, or until `stopped` holds a signal; returns what the last call of the step gave."""
    start, logged, waited = int(model.iteration.numpy()), None, [0.0]
    with _progress(start, total, silent=not recorder) as progress:
        for iteration, epoch, images, labels in timed(calls(config, dataset, start, total, cluster), waited):
            if stopped and recorder:  # among several workers the chief's signal counts: it saves, and the others follow
                break
            logged = step(images, labels)
            progress.set_description(f"epoch {epoch + 1}/{config.epoch}", refresh=False)
            progress.update(len(images))
            if recorder:
                recorder.after(iteration, logged, progress, waited[0])
    return logged


def calls(config: Config, dataset: Dataset, start: int, total: int, cluster: Cluster) -> Iterator[tuple]:
    """The batches of iterations start + 1 to total, several for one call of the train step.

    Yields: (the last of its iterations, its epoch, this worker's pictures [K, B, H, W, C], labels [K, B]).
      Something may be left behind after that iteration, and after none of the others.
    """
    steps = steps_per_epoch(dataset, config)
    freqs = (config.log_freq, config.sample_freq, config.ckpt_freq, config.evaluate_freq or total, steps)
    together, waiting = steps_per_call(config), []
    for iteration, (epoch, images, labels) in enumerate(dataset.batches(config, start, cluster.shard), start + 1):
        if iteration > total:
            return
        waiting.append((images, labels))
        if len(waiting) == together or iteration in (1, total) or not all(iteration % freq for freq in freqs):
            yield iteration, epoch, *map(np.stack, zip(*waiting, strict=True))
            waiting.clear()


def timed(items: Iterator[tuple], waited: list[float]) -> Iterator[tuple]:
    """The items; waited[0] grows by the seconds until each is there."""
    asked = time.perf_counter()
    for item in items:
        waited[0] += time.perf_counter() - asked
        yield item
        asked = time.perf_counter()


def describe(config: Config, run: Run, dataset: Dataset, model: DCGAN) -> None:
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
    names = ", ".join(d.get("device_name", "GPU") for d in details) or "CPU (TensorFlow sees no GPU)"
    print(f"Device:      {names}{f'; {model.devices} devices share each batch' if model.devices > 1 else ''}")
    print(f"Checkpoints: {run.checkpoints}\nSamples:     {run.samples}\nCurves:      tensorboard --logdir {run.logs}")


def _progress(start: int, total: int, silent: bool) -> tqdm:
    # A log file is no screen: there a line every half minute will do.
    interval = 0.2 if sys.stderr.isatty() else 30
    return tqdm(initial=start, total=total, mininterval=interval, dynamic_ncols=True, disable=silent)


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
