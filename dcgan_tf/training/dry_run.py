"""--dry_run: say what a training would do, how long it would take and its size on disk. Nothing of a run is written."""

from __future__ import annotations

import math
import statistics
import sys
import time
from typing import TYPE_CHECKING

import tensorflow as tf

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN, steps_per_call
from dcgan_tf.runs import checkpoint
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.options import AUTO
from dcgan_tf.system.errors import UserError, counted
from dcgan_tf.system.messages import duration, report, say
from dcgan_tf.system.startup import peak_memory
from dcgan_tf.training.cluster import Cluster, members_of
from dcgan_tf.training.loader import Loader
from dcgan_tf.training.schedule import Schedule
from dcgan_tf.training.training_sheets import describe

if TYPE_CHECKING:
    from dcgan_tf.training.plan import Plan

SECONDS = 10.0  # of the measurement, at least
CALLS = 3  # of the train step that are measured, at least
POINT_BYTES = 2_700  # of a point of the curves: four losses and three histograms
PNG_SHARE = 0.5  # of the bytes of a sheet's pixels that its PNG file has: from 0.3 to 0.7


def check_one_process(strategy: str) -> None:
    """Raise UserError if several workers would train together. Args: strategy: the setting."""
    members, _ = members_of(strategy)
    if len(members) > 1:
        raise UserError(
            f"--dry_run is for one process, but TF_CONFIG names {len(members)} workers; leave --dry_run out, or unset"
            " TF_CONFIG and measure one of them."
        )


def tell(config: Config, dataset: Dataset, cluster: Cluster, start: Plan) -> None:
    """Measure some iterations of the training, and say what all of them would need.

    Args: what a training has; start: how it begins.
    Raises: UserError if the weights that it begins with cannot be read.
    """
    schedule = Schedule(config, len(dataset.images))
    with cluster.strategy.scope():
        model = DCGAN(config, schedule.lr_decay)
    load_weights(model, start)
    describe(config, dataset, model)
    say_settings(config, start)
    left = max(0, schedule.total - model.iterations_done)
    say_iterations(config, schedule, left)
    say("Measuring ...")
    compiling, times = measure(config, dataset, cluster, model, schedule)
    seconds = statistics.mean(times)  # unlike the median, it counts what other programs take
    speed = config.batch_size / seconds
    report("Measured", f"{seconds:.3g} s an iteration, {speed:,.0f} images/s (mean of {counted(len(times), 'call')})")
    whole = compiling + left * seconds
    report("Time", f"{duration(whole)} to the end; sheets, checkpoints and evaluations come on top")
    say_memory()
    say_disk(config, schedule, model)
    say("Dry run: no run was made. To train, give the same command without --dry_run.")


def load_weights(model: DCGAN, start: Plan) -> None:
    """Load the weights that the training begins with: of other weights, or of the run that continues."""
    if start.weights:
        say(f"Weights from {start.weights.origin().path}")
        start.weights.assign(model.generator, model.discriminator)
    if start.run:
        path = checkpoint.restore(start.run.folder, model.state())
        if path:
            say(f"Continue from {path}")


def say_settings(config: Config, start: Plan) -> None:
    """Say which preset and which networks the training has."""
    if start.run:
        report("Preset", f"none: the settings of the run {start.run.name}")
    elif start.preset != AUTO:  # then it is said already
        report("Preset", start.preset or "none: the original's settings; --preset auto chooses one by the images")
    networks = "MNIST's own, with labels"
    if not config.has_mnist_networks:
        networks = f"{counted(config.stage_count, 'stage')}, {counted(config.y_dim, 'class')}"
    report("Networks", f"{networks}; --gf_dim {config.gf_dim} --df_dim {config.df_dim}")


def say_iterations(config: Config, schedule: Schedule, left: int) -> None:
    """Say how long the training is."""
    done = ""
    if left < schedule.total:
        done = f"; {left:,} are left"
    count = schedule.total / schedule.per_epoch
    number = f"{count:,.0f}" if count >= 1000 else f"{count:.4g}"
    epochs = f"{number} epochs of {schedule.per_epoch:,}"
    report("Iterations", f"{schedule.total:,} with batches of {config.batch_size} ({epochs}){done}")


def measure(
    config: Config, dataset: Dataset, cluster: Cluster, model: DCGAN, schedule: Schedule
) -> tuple[float, list[float]]:
    """Train for SECONDS or a bit more, on batches as a training has them.

    Returns: the seconds of the first call of the train step, which compiles it, and of an iteration in each other call.
    """
    train_step = model.compiled()
    endless = Schedule(config, len(dataset.images))
    endless.total = sys.maxsize  # a short training is measured as long as any other
    steps = steps_per_call(config.steps_per_call)
    times: list[float] = []
    ends = [time.perf_counter()]
    for batch in Loader(dataset, config, endless, model.iterations_done, steps):
        float(train_step(batch.images, batch.labels)["d_loss"])  # waits for the device
        ends.append(time.perf_counter())
        times.append((ends[-1] - ends[-2]) / len(batch.images))
        if len(times) > CALLS and ends[-1] - ends[1] >= SECONDS:
            break
    return ends[1] - ends[0], times[1:]


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


def say_disk(config: Config, schedule: Schedule, model: DCGAN) -> None:
    """Say the size of a checkpoint, and of the run at its end."""
    from dcgan_tf.sampling.story import max_frames  # here, because it imports matplotlib

    one = checkpoint_bytes(model)
    checkpoints = min(config.max_to_keep, -(-schedule.total // config.ckpt_freq))
    if config.evaluate_freq:
        checkpoints += 1  # the best one
    sheets = -(-schedule.total // config.sample_freq) + len(config.epochs_to_keep)
    points = schedule.total // config.log_freq + 1
    height, width, channels = sheet_shape(config)
    images = sheets + min(sheets, max_frames(height, width))  # on the sheets, and in their GIF
    whole = checkpoints * one + images * PNG_SHARE * height * width * channels + points * POINT_BYTES
    parts = f"{counted(checkpoints, 'checkpoint')}, {counted(sheets, 'sheet')}, their GIF and the curves"
    report("Disk", f"{size(one)} a checkpoint; about {size(whole)} the run, with {parts}")


def checkpoint_bytes(model: DCGAN) -> int:
    """Return the size of a checkpoint without the names in it."""
    return sum(variable.shape.num_elements() * variable.dtype.size for variable in model.state().values())


def sheet_shape(config: Config) -> tuple[int, int, int]:
    """Return the height, the width and the channels of a sheet."""
    height, width, channels = config.image_shape
    columns = math.ceil(config.batch_size**0.5)
    rows = math.ceil(config.batch_size / columns)
    return rows * height, columns * width, channels


def size(count: float) -> str:
    """Return a number of bytes as one reads it."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    if count < 1e7:
        return f"{count / 1e6:.1f} MB"
    if count < 1e9:
        return f"{count / 1e6:.0f} MB"
    return f"{count / 1e9:.1f} GB"
