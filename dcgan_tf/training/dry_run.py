"""--dry_run: say what a training would do, its time and its size on disk. Nothing of a run is written."""

from __future__ import annotations

import dataclasses
import datetime
import math
import shutil
import sys
import time
from pathlib import Path

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.settings.config import Config
from dcgan_tf.system.messages import report, say, warn
from dcgan_tf.training.cluster import Cluster
from dcgan_tf.training.loader import load_batches
from dcgan_tf.training.plan import Plan
from dcgan_tf.training.schedule import Schedule
from dcgan_tf.training.sheets import describe

SECONDS = 10.0  # of the measurement, at least
CALLS = 3  # of the train step that are measured, at least


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
        say(f"Continue from {Checkpoints(model, plan.run.folder, 1).restore() or 'the beginning'}")
    describe(model)
    left = max(0, schedule.total - model.iterations_done)
    report("Iterations", f"{schedule.total:,} with batches of {config.batch_size}; {left:,} are left")
    say("Measuring ...")
    compiling, seconds = measure(dataset, model)
    report("Measured", f"{seconds:.3g} s an iteration, {config.batch_size / seconds:,.0f} images/s")
    whole = datetime.timedelta(seconds=round(compiling + left * seconds))
    report("Time", f"{whole} (h:mm:ss) to the end; sheets, checkpoints and evaluations come on top")
    say_disk(config, model, schedule, folder)
    say("Dry run: no run was made. To train, give the same command without --dry_run.")


def say_disk(config: Config, model: DCGAN, schedule: Schedule, folder: Path) -> None:
    """Say how much room the run needs, and how much there is. Args: folder: of all runs, which need not exist."""
    checkpoint = sum(variable.shape.num_elements() * variable.dtype.size for variable in model.state().values())
    # Half of its pixels are the size of a sheet's PNG file; the same sheet is in TensorBoard's files.
    sheet = config.batch_size * math.prod(config.image_shape)
    sheets = -(-schedule.total // config.sample_freq)
    needed = (config.max_to_keep + 1) * checkpoint + sheets * sheet  # one is written before an old one is removed
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    size = f"{checkpoint / 1e6:,.1f} MB a checkpoint; about {needed / 1e6:,.1f} MB in all"
    report("Disk", f"{size}; {free / 1e6:,.1f} MB are free")
    if needed > free:
        warn(f"There is too little room in {existing}; make room there, or choose another disk with --out_dir.")


def measure(dataset: Dataset, model: DCGAN) -> tuple[float, float]:
    """Train for SECONDS or a bit more, on batches as a training has them; a short one is measured as long as any other.

    Returns: the seconds until the train step has been compiled and called once, and the mean of an iteration after.
    """
    endless = Schedule(dataclasses.replace(model.config, iterations=sys.maxsize), len(dataset.images))
    start = time.perf_counter()
    calls = []  # the seconds until the end of each, and its last iteration
    train_step = model.compiled()
    for batch in load_batches(dataset, endless, model):
        float(train_step(batch.images, batch.labels, *batch.draws)["d_loss"])  # waits for the device
        calls.append((time.perf_counter() - start, batch.iteration))
        if len(calls) > CALLS and calls[-1][0] - calls[0][0] >= SECONDS:
            break
    seconds, iterations = np.subtract(calls[-1], calls[0])
    return calls[0][0], seconds / iterations
