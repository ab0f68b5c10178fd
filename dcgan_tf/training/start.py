"""Begin a training or continue one: the rules for --train and for dcgan_tf.train."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run, Runs, complete_checkpoints
from dcgan_tf.settings.config import MACHINE, Config, settings_of
from dcgan_tf.settings.options import AUTO, DRAWN, FEW
from dcgan_tf.settings.resolve import ask, resolve
from dcgan_tf.settings.values import fits_mnist_networks
from dcgan_tf.system import VERSION
from dcgan_tf.system.errors import UserError, device_errors, warn_on_write_error
from dcgan_tf.system.messages import report, warn
from dcgan_tf.system.startup import check_process, start_bfloat16, start_tensorflow
from dcgan_tf.training.plan import Plan, plan_training
from dcgan_tf.training.schedule import fit_epochs

if TYPE_CHECKING:
    from dcgan_tf.data.dataset import Dataset
    from dcgan_tf.training.cluster import Cluster
    from dcgan_tf.training.curves import Callbacks
    from dcgan_tf.training.train import Outcome


def train(
    runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any], callbacks: Callbacks = (None, None)
) -> Outcome:
    """Train a run, or with dry_run say what that would be. Nothing is written if the training cannot begin.

    Args:
      runs, name, given, chosen: as in `plan_training`.
      callbacks: of a user's program: called with the iteration and the losses, and with the iteration and the scores.
    Returns: the run, whether its last iteration was reached, and the signal that ended it, if one did.
    Raises: UserError.
    """
    plan = plan_training(runs, name, given, chosen)
    check_process()
    from dcgan_tf.data.prepare import open_cache
    from dcgan_tf.system.cache import keep_compiled

    if plan.asked.xla != "off":
        keep_compiled(open_cache(plan.asked))
    start_tensorflow()
    from dcgan_tf.training import dry_run
    from dcgan_tf.training.cluster import init_cluster
    from dcgan_tf.training.hints import hints, too_few_iterations
    from dcgan_tf.training.train import Outcome, train_run

    if plan.run:
        check_not_lost(plan.run)
    if plan.dry_run and "TF_CONFIG" in os.environ:
        raise UserError("--dry_run is for one process, but TF_CONFIG is set; unset it to measure one of the workers.")
    cluster = init_cluster(plan.asked.strategy)
    start_bfloat16()
    if cluster.is_chief:  # before the images are read
        place = plan.run or runs.named(name or "run")
        place.check_place()
        if name and not plan.run:
            place.check_new()
    run = plan.run
    with device_errors("a smaller --batch_size, --output_height, --gf_dim, --df_dim or --cache_gb"):
        dataset, config, preset = read_data(plan, cluster)
        if cluster.is_chief and not plan.run:
            for text in hints(config, dataset, cluster, plan):
                report("Hint", text)
        if plan.dry_run:
            dry_run.tell(config, dataset, cluster, plan, runs.folder)
            return Outcome(run=None)
        if not cluster.is_chief:
            run = None  # the chief alone reads and writes it
        elif not plan.run:
            run = runs.create(config, name)
        if run:
            remember(run, dataset, preset)
        outcome = train_run(config, run, dataset, cluster, plan.weights, resumed=bool(plan.run), callbacks=callbacks)
    if run and outcome.finished:
        from dcgan_tf.sampling.story import write_story  # here, because it imports matplotlib

        with warn_on_write_error("The report"):
            write_story(run)
        few = too_few_iterations(config, dataset, plan)
        report("Hint", few or "to train longer, give --resume with a larger --iterations or --epoch.")
    return outcome


def read_data(plan: Plan, cluster: Cluster) -> tuple[Dataset, Config, str]:
    """Read the data set. Returns it, the settings of the run, of which it decides the rest, and the preset.

    Raises: UserError if the data set is not fit for training, or another worker has other settings or images.
    """
    from dcgan_tf.data.dataset import check_trainable, read_dataset
    from dcgan_tf.training.cluster import check_batch, choose_precision

    dataset = read_dataset(plan.asked)
    asked = plan.asked
    preset = plan.preset
    if preset == AUTO:
        preset = choose_preset(dataset)
        asked = ask(plan.given, preset)
    check_batch(asked.batch_size, cluster.strategy)
    check_trainable(dataset, asked.batch_size, asked.train_size)
    config = resolve(asked, dataset.decides)
    if not plan.run:
        config = fit_epochs(config, plan.given, len(dataset.images))
    if len(cluster.members) > 1:
        shared = {name: value for name, value in vars(config).items() if name not in settings_of(MACHINE)}
        some = dataset.images[:: len(dataset.images) // 64 + 1]
        cluster.check_same(repr(shared).encode(), dataset.labels.tobytes(), some.tobytes())
    return dataset, choose_precision(config, cluster), preset


def remember(run: Run, dataset: Dataset, preset: str) -> None:
    """Add to a run what a paper, or the report of an error, needs to know of this start beside its settings.

    These are the date, the preset, the device, three versions, and the numbers of images and classes.
    Warn if it continues with more or fewer images or classes than it had before.
    """
    import tensorflow as tf

    from dcgan_tf.training.sheets import device_names

    counts = {"images": len(dataset.images), "classes": len(dataset.label_names)}
    versions = {"dcgan_tf": VERSION, "python": platform.python_version(), "tensorflow": tf.__version__}
    date = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    for before in run.starts()[-1:]:
        for what, count in counts.items():
            if before.get(what, count) != count:
                warn(f"The run {run.name} was trained on {before[what]} {what}; it continues on {count}.")
    with run.lock(), warn_on_write_error("starts.json"):  # a run that another process trains has no start of this
        run.add_start({"date": date, "preset": preset, "device": device_names()} | versions | counts)


def choose_preset(dataset: Dataset) -> str:
    """Return the preset for these images, and say it with the reason.

    Returns: small or photos for FEW images at most, best for what is like MNIST, else large.
    """
    count, height, width, channels = dataset.images.shape
    why = f"{count:,} images"
    preset = "large"
    keeps_order = not dataset.shuffle_each_epoch  # as only idx files do
    if count <= FEW:
        preset = "small"
        equal = dataset.equal_neighbours()
        kind = "drawings; for photographs give --preset photos"
        if equal < DRAWN:
            preset = "photos"
            kind = "photographs; for drawings give --preset small"
        why += f", {equal:.0%} of whose pixels equal the next one, as in {kind}"
    elif keeps_order and dataset.class_names and channels == 1 and fits_mnist_networks(height, width):
        preset = "best"
        why += " with labels, as MNIST's"
    report("Preset", f"{preset}: {why}")
    return preset


def check_not_lost(run: Run) -> None:
    """Raise UserError if a run without a checkpoint once had one: it would begin again, and its curves be removed."""
    from dcgan_tf.training.curves import last_step

    if complete_checkpoints(run.folder):
        return
    if (run.folder / "checkpoint").exists() or last_step(run.curves()) > run.config().ckpt_freq:
        raise UserError(
            f"The model files of the run {run.name} are lost: {run.folder} has no complete checkpoint any more; copy"
            " its files model-* back to that folder, or train a new run."
        )
