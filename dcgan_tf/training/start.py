"""Begin a training or continue one: the rules for --train and for dcgan_tf.train."""

from __future__ import annotations

import platform
import time
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run, Runs, complete_checkpoints
from dcgan_tf.settings.config import MACHINE, Asked, Config, settings_of
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
      callbacks: of a user's program.
    Raises: UserError.
    """
    plan = plan_training(runs, name, given, chosen)
    check_process()
    from dcgan_tf.data.cache import open_cache
    from dcgan_tf.system.xla_cache import keep_compiled

    if plan.asked.xla != "off":
        keep_compiled(open_cache(plan.asked))
    start_tensorflow()
    from dcgan_tf.training import dry_run
    from dcgan_tf.training.cluster import choose_precision, init_cluster
    from dcgan_tf.training.hints import too_few_iterations
    from dcgan_tf.training.train import Outcome, train_run

    if plan.run:
        check_not_lost(plan.run)
    if plan.dry_run:
        dry_run.check_one_process(plan.asked.strategy)
    cluster = init_cluster(plan.asked.strategy, plan.asked.xla)
    start_bfloat16()
    if cluster.is_chief:  # before the images are read
        (plan.run or runs.named(name or "run")).check_place()
        if name and not plan.run:
            runs.named(name).check_new()
    with device_errors("a smaller --cache_gb"):
        dataset, config, preset = read_data(plan, cluster)
    facts = facts_of(dataset, preset)
    if not plan.run:
        config = choose_precision(config, cluster)
    if cluster.is_chief:
        say_first(config, dataset, cluster, plan, facts)
    run = plan.run
    if plan.dry_run or not cluster.is_chief:
        run = None  # the chief alone reads and writes it
    elif not plan.run:
        run = runs.create(config, name)
    if run:
        with run.lock(), warn_on_write_error("starts.json"):  # a run that another process trains has no start of this
            run.add_start(facts)
    with device_errors("a smaller --batch_size, --output_height, --gf_dim or --df_dim"):
        if plan.dry_run:
            dry_run.tell(config, dataset, cluster, plan, runs.folder)
            return Outcome(run=None)
        resumed = plan.run is not None
        outcome = train_run(config, run, dataset, cluster, plan.weights, resumed=resumed, callbacks=callbacks)
    few = too_few_iterations(config, dataset, plan)
    if run and few and outcome.finished:
        report("Hint", few)
    return outcome


def read_data(plan: Plan, cluster: Cluster) -> tuple[Dataset, Config, str]:
    """Read the data set. Returns it, the settings of the run, of which it decides the rest, and the preset.

    Raises: UserError if the data set is not fit for training, or another worker has other settings or images.
    """
    from dcgan_tf.data.dataset import check_trainable, read_dataset
    from dcgan_tf.training.cluster import check_batch

    dataset = read_dataset(plan.asked)
    asked = plan.asked
    preset = plan.preset
    if preset == AUTO:
        preset = choose_preset(dataset)
        asked = ask(plan.given, preset)
    check_batch(asked.batch_size, cluster.strategy)
    check_trainable(dataset, asked.batch_size, asked.train_size)
    config = resolve(asked, dataset.decides)
    if plan.weights and plan.weights.config.y_dim != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the run {plan.weights.name} has"
            f" {plan.weights.config.y_dim}; name a data set like the one it was trained on."
        )
    if not plan.run:
        config = fit_epochs(config, plan.given, len(dataset.images))
    if len(cluster.members) > 1:
        cluster.check_same_settings(summary(config, dataset))
    return dataset, config, preset


def facts_of(dataset: Dataset, preset: str) -> dict[str, Any]:
    """Return what a run remembers of a start beside its settings, as a paper or the report of an error needs it."""
    import tensorflow as tf

    from dcgan_tf.training.sheets import device_names

    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        "preset": preset,
        "dcgan_tf": VERSION,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "device": device_names(),
        "images": len(dataset.images),
        "classes": len(dataset.label_names),
    }


def say_first(config: Config, dataset: Dataset, cluster: Cluster, plan: Plan, facts: dict[str, Any]) -> None:
    """Say before a training what would disappoint later."""
    from dcgan_tf.training.hints import hints

    if plan.run:
        warn_of_other_images(plan.run, facts)
    for text in hints(config, dataset, cluster, plan):
        report("Hint", text)


def warn_of_other_images(run: Run, facts: dict[str, Any]) -> None:
    """Warn if a run continues with more or fewer images or classes than it had at its last start."""
    for before in run.starts()[-1:]:
        for what in ("images", "classes"):
            if before.get(what, facts[what]) != facts[what]:
                warn(f"The run {run.name} was trained on {before[what]} {what}; it continues on {facts[what]}.")


def choose_preset(dataset: Dataset) -> str:
    """Return the preset for these images, and say it with the reason."""
    count, height, width, channels = dataset.images.shape
    equal = dataset.equal_neighbours()
    share = f"{equal:.0%} of their pixels equal the next one"
    is_idx = not dataset.shuffle_each_epoch  # only idx files keep their order
    if count <= FEW and equal < DRAWN:
        preset = "photos"
        why = f"{count:,} images, and only {share}, as in photographs; for drawings give --preset small"
    elif count <= FEW:
        preset = "small"
        why = f"{count:,} images, and {share}, as in drawings; for photographs give --preset photos"
    elif is_idx and dataset.class_names and channels == 1 and fits_mnist_networks(height, width):
        preset = "best"
        why = f"{count:,} gray images with labels in idx files, as MNIST's"
    else:
        preset = "large"
        why = f"{count:,} images, and it is for more than {FEW:,}"
    report("Preset", f"{preset}: {why}")
    return preset


def summary(config: Config, dataset: Dataset) -> str:
    """Describe what all workers must have in common: the settings, the labels, and a sample of the images."""
    own = settings_of(MACHINE)
    values = {name: value for name, value in vars(config).items() if name not in own}
    given = {name: value for name, value in values.items() if value != getattr(Asked, name)}
    some = dataset.images[:: len(dataset.images) // 64 + 1]
    digest = zlib.crc32(some.tobytes(), zlib.crc32(dataset.labels.tobytes()))
    return f"{given}, images {dataset.images.shape} with the digest {digest:08x}"


def check_not_lost(run: Run) -> None:
    """Raise UserError if a run without a checkpoint once had one: it would begin again, and its curves be removed."""
    from dcgan_tf.training.curves import last_step

    if complete_checkpoints(run.folder):
        return
    reached = last_step(run.curves())
    if (run.folder / "checkpoint").exists() or reached > run.config().ckpt_freq:
        raise UserError(
            f"The model files of the run {run.name} are lost: {run.folder} has no complete checkpoint, but the run has"
            f" reached iteration {reached}; copy its files model-* back to that folder, or train a new run."
        )
