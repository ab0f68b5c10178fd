"""Begin a training or continue one: the rules for --train and for dcgan_tf.train."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.select import find_run, is_other_data, start_weights
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings import options
from dcgan_tf.settings.config import MACHINE, Config, settings_with
from dcgan_tf.settings.given import check_given, convert, with_preset
from dcgan_tf.settings.presets import AUTO
from dcgan_tf.settings.values import plain_name
from dcgan_tf.system.errors import UserError, device_errors
from dcgan_tf.system.messages import report, say
from dcgan_tf.system.startup import check_process, start_bfloat16, start_tensorflow
from dcgan_tf.training.complete import check_classes, choose_preset, complete, say_replaced
from dcgan_tf.training.resume import check_not_lost, resumed_config
from dcgan_tf.training.schedule import fit_epochs

if TYPE_CHECKING:
    from dcgan_tf.data.dataset import Dataset
    from dcgan_tf.training.cluster import Cluster
    from dcgan_tf.training.loop import Outcome
    from dcgan_tf.training.recorder import OnLog


@dataclass(frozen=True)
class Start:
    """How a training begins."""

    config: Config  # as asked for; the data set fills in the rest
    given: dict[str, Any]  # the settings that the user gave
    run: Run | None = None  # the run to continue; None: a new one
    weights: Weights | None = None  # what a new run begins with; None: random weights
    preset: str = ""  # auto: the images decide
    dry_run: bool = False  # only say what the training would do


def understand(runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> Start:
    """Decide how a training begins. The first of these rules that applies decides:

    1. Without resume: a new run, with the weights of checkpoint, init_from or pretrained if one is given.
    2. With resume and a name that no run has: a new run with that name.
    3. With resume: the run of that name, or else the newest run that matches the given settings.

    Nothing is read but the settings of runs, and nothing is written.

    Args:
      name: of the run, or blank.
      given: the settings that the user gave.
      chosen: some of `options.START`: resume, dry_run, preset, init_from, checkpoint, pretrained.
    Raises: UserError if a setting is impossible, two choices exclude each other, or there is no such run.
    """
    plain_name("out_name", name)
    given = check_given(given)
    defaults = {option: described.default for option, described in options.START.items()}
    chosen = defaults | convert(chosen, options.START)
    dataset = given.get("dataset", Config.dataset)
    sources = {option: chosen[option] for option in options.SOURCES if chosen[option]}
    if sources and chosen["resume"]:
        raise UserError(f"--{next(iter(sources))} begins a new run and --resume continues one; give only one of them.")
    if chosen["resume"] and name and not runs.named(name).has_begun():
        say(f"There is no run {name} yet, so it begins now.")
    elif chosen["resume"]:
        run = find_run(runs, dataset, name, given, resume=True)
        if chosen["preset"]:
            report(
                "Hint", f"--preset has no effect: the run {run.name} keeps its settings, except those that are given."
            )
        config = resumed_config(run.config(), given)
        check_split(config)
        return Start(config, given, run, dry_run=chosen["dry_run"])
    config = Config(**with_preset(chosen["preset"], given))
    check_split(config)
    weights = start_weights(runs, given, sources)
    if weights:
        check_unseen(weights, config)
    return Start(config, given, weights=weights, preset=chosen["preset"], dry_run=chosen["dry_run"])


def check_split(config: Config) -> None:
    """Raise UserError if a training would use the images that it must not see."""
    if config.hold_out and config.split == "test":
        raise UserError("--split test trains on what --hold_out keeps out of the training; leave one of them out.")


def check_unseen(weights: Weights, config: Config) -> None:
    """Raise UserError if a training would keep images for its evaluation that the weights have seen."""
    if not weights.run:
        return
    saved = weights.config
    if is_other_data(saved, config):
        return
    if config.hold_out:
        kept = f"--hold_out {config.hold_out:g}"
        if saved.hold_out == config.hold_out:
            return
    elif config.split == "train" and saved.split != "train":
        kept = "--split train"
    else:
        return
    raise UserError(
        f"The run {weights.name} was trained without {kept} on the same data set, so it has seen the images that would"
        f" be kept for the evaluation; leave out {kept}, or begin with other weights."
    )


def train(
    runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any], on_log: OnLog | None = None
) -> Outcome:
    """Train a run, or with dry_run say what that would be. Nothing is written if the training cannot begin.

    Args:
      runs, name, given, chosen: as in `understand`.
      on_log: called every config.log_freq iterations with the iteration and the losses.
    Raises: UserError.
    """
    start = understand(runs, name, given, chosen)
    check_process()
    start_tensorflow()
    from dcgan_tf.training import dry_run, loop
    from dcgan_tf.training.cluster import init_cluster
    from dcgan_tf.training.monitor import warn_on_one_row
    from dcgan_tf.training.precision import choose_precision

    if start.run:
        check_not_lost(start.run)
    required: dict[str, Any] = {}
    class_names = None
    if start.weights:
        required = start.weights.required_settings(start.given)
        class_names = required.pop("class_names")
    config = dataclasses.replace(start.config, **required)
    if start.dry_run:
        dry_run.check_one_process(config.strategy)
    batch_size = config.batch_size
    if start.preset == AUTO:
        batch_size = 0  # it is the preset's, and checked when that is known
    cluster = init_cluster(config.strategy, batch_size, config.xla)
    start_bfloat16()
    if name and cluster.is_chief and not start.run:
        runs.check_new(name)  # before the images are read
    with device_errors("a smaller --cache_gb"):
        dataset, config = read_data(start, config, required, cluster)
    warn_on_one_row(config, cluster.strategy.num_replicas_in_sync)
    if start.weights and class_names is not None:
        check_classes(start.weights, len(class_names), config)
    run = start.run
    if not start.run:
        config = choose_precision(config, start.given, cluster)
    advice = "a smaller --batch_size, --output_height, --gf_dim or --df_dim"
    if start.dry_run:
        with device_errors(advice):
            dry_run.tell(config, dataset, cluster, start)
        return loop.Outcome(run=None, signal=0)
    if not cluster.is_chief:
        run = None  # the chief alone reads and writes it
    elif not start.run:
        run = runs.create(config, name)
    with device_errors(advice):
        return loop.train(config, run, dataset, cluster, start.weights, resumed=start.run is not None, on_log=on_log)


def read_data(start: Start, config: Config, required: Mapping[str, Any], cluster: Cluster) -> tuple[Dataset, Config]:
    """Read the data set. Returns it, and the settings with the preset, sizes, channels and classes that it decides.

    Args:
      required: the settings that the weights need which the training begins with.
    Raises: UserError if the data set is not fit for training, or another worker has other settings or images.
    """
    from dcgan_tf.data.dataset import check_trainable, read_dataset, warn_about_empty_classes
    from dcgan_tf.training.cluster import check_batch

    dataset = read_dataset(config)
    asked = start.config
    if start.preset == AUTO:
        asked = Config(**with_preset(choose_preset(dataset), start.given))
        config = dataclasses.replace(asked, **required)
        check_batch(config.batch_size, cluster.strategy)
    check_trainable(dataset, config.batch_size, config.train_size)
    warn_about_empty_classes(dataset.labels, dataset.class_names)
    config = complete(config, dataset)
    if start.weights:
        say_replaced(asked, config, required, start.weights.name)
    if not start.run:
        config = fit_epochs(config, start.given, len(dataset.images))
    if len(cluster.members) > 1:
        cluster.check_same_settings(summary(config, dataset))
    return dataset, config


def summary(config: Config, dataset: Dataset) -> str:
    """Describe what all workers must have in common: the settings, the labels, and a sample of the images."""
    own = settings_with(MACHINE)
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    names = [name for name in defaults if name not in own]
    settings = {name: getattr(config, name) for name in names if getattr(config, name) != defaults[name]}
    some = dataset.images[:: len(dataset.images) // 64 + 1]
    digest = zlib.crc32(some.tobytes(), zlib.crc32(dataset.labels.tobytes()))
    return f"{settings}, images {dataset.images.shape} with the digest {digest:08x}"
