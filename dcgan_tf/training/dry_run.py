"""--dry_run: say what a training would do, its time and its size on disk. Nothing of a run is written."""

from __future__ import annotations

import dataclasses
import math
import shutil
import statistics
import sys
import time
from pathlib import Path

import tensorflow as tf

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.options import AUTO
from dcgan_tf.system.errors import UserError, counted
from dcgan_tf.system.messages import duration, report, say, warn
from dcgan_tf.system.startup import peak_memory
from dcgan_tf.training.cluster import Cluster, members_of
from dcgan_tf.training.loader import load_batches
from dcgan_tf.training.plan import Plan
from dcgan_tf.training.schedule import Schedule
from dcgan_tf.training.sheets import describe

SECONDS = 10.0  # of the measurement, at least
CALLS = 3  # of the train step that are measured, at least


def check_one_process(strategy: str) -> None:
    """Raise UserError if several workers would train together. Args: strategy: the setting."""
    members, _ = members_of(strategy)
    if len(members) > 1:
        raise UserError(
            f"--dry_run is for one process, but TF_CONFIG names {len(members)} workers; unset it to measure one of"
            " them."
        )


def tell(config: Config, dataset: Dataset, cluster: Cluster, plan: Plan, folder: Path) -> None:
    """Measure some iterations of the training, and say what all of them would need.

    Args: what a training has; plan: how it begins; folder: of all runs.
    Raises: UserError if the weights that it begins with cannot be read.
    """
    schedule = Schedule(config, len(dataset.images))
    with cluster.strategy.scope():
        model = DCGAN(config, schedule.lr_decay)
    if plan.weights:
        say(f"Weights from {plan.weights.origin().path}")
        plan.weights.assign(model.generator, model.discriminator)
    if plan.run:
        path = Checkpoints(model, plan.run.folder, 1).restore()
        if path:
            say(f"Continue from {path}")
    describe(config, model)
    say_settings(config, plan)
    left = max(0, schedule.total - model.iterations_done)
    done = ""
    if left < schedule.total:
        done = f"; {left:,} are left"
    epochs = round(schedule.total / schedule.per_epoch, 2)
    each = f"{epochs:,g} epochs of {schedule.per_epoch:,}"
    report("Iterations", f"{schedule.total:,} with batches of {config.batch_size} ({each}){done}")
    say("Measuring ...")
    compiling, times = measure(config, dataset, model)
    seconds = statistics.mean(times)  # unlike the median, it counts what other programs take
    speed = config.batch_size / seconds
    report("Measured", f"{seconds:.3g} s an iteration, {speed:,.0f} images/s (mean of {counted(len(times), 'call')})")
    whole = compiling + left * seconds
    report("Time", f"{duration(whole)} to the end; sheets, checkpoints and evaluations come on top")
    say_memory()
    say_disk(config, model, schedule, folder)
    say("Dry run: no run was made. To train, give the same command without --dry_run.")


def say_settings(config: Config, plan: Plan) -> None:
    """Say which preset and which networks the training has."""
    if not plan.run and plan.preset != AUTO:  # auto is said already
        report("Preset", plan.preset or "none: the original's settings; --preset auto chooses one by the images")
    networks = "MNIST's own, with labels"
    if not config.has_mnist_networks:
        networks = f"{counted(config.stage_count, 'stage')}, {counted(config.y_dim, 'class')}"
    report("Networks", f"{networks}; --gf_dim {config.gf_dim} --df_dim {config.df_dim}")


def measure(config: Config, dataset: Dataset, model: DCGAN) -> tuple[float, list[float]]:
    """Train for SECONDS or a bit more, on batches as a training has them; a short one is measured as long as any other.

    Returns: the seconds until the train step has been compiled and called once, and of an iteration in each call after.
    """
    endless = Schedule(dataclasses.replace(config, iterations=sys.maxsize), len(dataset.images))
    times: list[float] = []
    ends = [time.perf_counter()]
    train_step = model.compiled()
    for batch in load_batches(dataset, config, endless, model.iterations_done, model.draw_ahead):
        float(train_step(batch.images, batch.labels, *batch.draws)["d_loss"])  # waits for the device
        ends.append(time.perf_counter())
        times.append((ends[-1] - ends[-2]) / len(batch.images))
        if len(times) > CALLS and ends[-1] - ends[1] >= SECONDS:
            break
    return ends[1] - ends[0], times[1:]


def say_disk(config: Config, model: DCGAN, schedule: Schedule, folder: Path) -> None:
    """Say how much room the run needs, and warn if there is less. Args: folder: of all runs."""
    one = sum(variable.shape.num_elements() * variable.dtype.size for variable in model.state().values())
    sheets = -(-schedule.total // config.sample_freq)
    pixels = config.batch_size * math.prod(
        config.image_shape
    )  # of a sheet; its PNG has half, and TensorBoard the other
    needed = (config.max_to_keep + 1) * one + sheets * pixels  # a checkpoint is written before an old one is removed
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    with_sheets = f"with {counted(sheets, 'sheet')} about {needed / 1e6:,.1f} MB"
    report("Disk", f"{one / 1e6:,.1f} MB a checkpoint; {with_sheets}, and {free / 1e6:,.1f} MB are free")
    if needed > free:
        warn(f"There is too little room in {existing}; make room there, or choose another disk with --out_dir.")


def say_memory() -> None:
    """Say how much memory the process has used so far."""
    used = []
    if peak_memory():
        used.append(f"{peak_memory() / 1e9:.2f} GB of this process")
    for number, _ in enumerate(tf.config.list_logical_devices("GPU")):
        peak = tf.config.experimental.get_memory_info(f"GPU:{number}")["peak"]
        used.append(f"{peak / 1e9:.2f} GB of GPU {number}")
    if used:
        report("Memory", ", ".join(used))
