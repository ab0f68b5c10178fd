"""Train: the data set -> batches -> the train step -> what the recorder writes."""

from __future__ import annotations

import contextlib
import dataclasses
import zlib
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from dcgan_tf.data.dataset import Dataset, check_trainable, read_dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.runs import original
from dcgan_tf.runs.checkpoint import Checkpoints, load_weights
from dcgan_tf.runs.pretrained import check_has_discriminator
from dcgan_tf.runs.run import Run, Runs, training_lock
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import SETTINGS, Config, settings_with
from dcgan_tf.settings.setting import Trait
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import remove_temporary_files
from dcgan_tf.system.signals import StopRequest
from dcgan_tf.training.cluster import Cluster, init_cluster
from dcgan_tf.training.loader import Loader
from dcgan_tf.training.precision import choose_precision
from dcgan_tf.training.recorder import (
    OnLog,
    Recorder,
    SilentRecorder,
    remove_points_after,
    warn_on_write_error,
    write_reals,
)
from dcgan_tf.training.schedule import Schedule


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    run: Run | None  # None for workers other than the chief
    signal: int  # that stopped it; 0 if it finished


def train_new(
    config: Config,
    runs: Runs,
    name: str,
    start: Run | None = None,
    given: dict[str, Any] | None = None,
    on_log: OnLog | None = None,
) -> Outcome:
    """Train a new run. Raises UserError before anything is written if it cannot begin.

    Args:
      name: of the run; blank: a name is made.
      start: a run whose weights it begins with, with new Adam state; they decide the sizes of the networks.
      given: the settings on the command line, which must not contradict these sizes.
      on_log: called every config.log_freq iterations.
    """
    sizes = network_settings(start, given or {}) if start else {}
    classes = sizes.pop("class_names", ())
    cluster, dataset, config = setup(dataclasses.replace(config, **sizes))
    if start and len(classes) != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the run {start.name} has {len(classes)};"
            f" name a data set like the one it was trained on."
        )
    config = choose_precision(config, given or {}, cluster)
    run = runs.create(config, name) if cluster.is_chief else None
    return train(config, run, dataset, cluster, start=start, on_log=on_log)


def network_settings(start: Run, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that the weights of a run require, and its class names. Raises UserError."""
    if start.original_checkpoint:
        return original.sizes(start.original_checkpoint, given)
    check_has_discriminator(start)
    config = start.config()
    names = [name for name in settings_with(Trait.ARCHITECTURE) if name not in ("g_ema", "hold_out")]
    for name in names:
        if name in given and given[name] != getattr(config, name):
            raise UserError(
                f"The run {start.name} has --{name} {getattr(config, name)}, and so has a training that begins with its"
                f" weights; leave out --{name} {given[name]}."
            )
    return {name: getattr(config, name) for name in (*names, "class_names")}


def resume(run: Run, given: dict[str, Any], on_log: OnLog | None = None) -> Outcome:
    """Continue a run with its saved settings; those on the command line replace them, except ARCHITECTURE ones.

    Raises UserError.
    """
    architecture = settings_with(Trait.ARCHITECTURE)
    changed = {name: value for name, value in given.items() if name not in architecture}
    if changed.get("precision") == "auto":  # it was chosen when the run began
        del changed["precision"]
    # This machine may have other devices than before, so the strategy is auto again, unless given.
    cluster, dataset, config = setup(dataclasses.replace(run.config(), **({"strategy": "auto"} | changed)))
    return train(config, run if cluster.is_chief else None, dataset, cluster, resumed=True, on_log=on_log)


def setup(config: Config) -> tuple[Cluster, Dataset, Config]:
    """Connect the workers, read the data set, and fill in the sizes and classes of the settings. Raises UserError."""
    cluster = init_cluster(config)
    dataset = read_dataset(config)
    check_trainable(dataset, config.batch_size, config.train_size)
    config = complete(config, dataset)
    if len(cluster.members) > 1:
        cluster.check_same_settings(summary(config, dataset))
    return cluster, dataset, config


def complete(config: Config, dataset: Dataset) -> Config:
    """Return the settings with the sizes, channels and classes of the data set."""
    spec = dataset.spec
    crop_height, crop_width = spec.crop or (config.input_height, config.input_width)
    return dataclasses.replace(
        config,
        output_height=spec.height,
        output_width=spec.width,
        input_height=crop_height,
        input_width=crop_width,
        c_dim=spec.channels,
        conditional=bool(dataset.class_names),
        class_names=dataset.class_names,
    )


def summary(config: Config, dataset: Dataset) -> str:
    """Describe what all workers must have in common: the settings, the labels, and a sample of the images."""
    own = settings_with(Trait.MACHINE)
    defaults = {field.name: field.default for field in dataclasses.fields(config)}
    names = [name for name in (*SETTINGS, "class_names") if name not in own]
    settings = {name: getattr(config, name) for name in names if getattr(config, name) != defaults[name]}
    some = dataset.images[:: len(dataset.images) // 64 + 1]
    digest = zlib.crc32(some.tobytes(), zlib.crc32(dataset.labels.tobytes()))
    return f"{settings}, images {dataset.images.shape} with the digest {digest:08x}"


def train(
    config: Config,
    run: Run | None,
    dataset: Dataset,
    cluster: Cluster,
    resumed: bool = False,
    start: Run | None = None,
    on_log: OnLog | None = None,
) -> Outcome:
    """Train to the last iteration, or until SIGINT or SIGTERM; then save.

    Args:
      run: of the chief, which alone reads and writes it; None for the other workers.
      resumed: whether to restore the run's newest checkpoint.
      start: a run whose weights it begins with.
    Raises: UserError if a loss or weight is not finite, a checkpoint cannot be written, or a worker is lost.
    """
    lock = training_lock(run) if run else contextlib.nullcontext()
    with cluster.report_lost_worker(), StopRequest() as stop, lock:
        # The networks, on every device
        with cluster.strategy.scope():
            model = DCGAN(config)
            train_step = model.make_step(Schedule(config, len(dataset.images)).lr_decay)

        # Their weights: the chief reads them, all devices get them
        checkpoints = prepare(config, run, dataset, model, resumed, start) if run else None
        cluster.broadcast_from_chief(model.state().values())

        # The iterations; the recorder writes curves, sheets and checkpoints
        loader, logged = Loader(dataset, config, model.iterations_done, cluster), None
        recorder = Recorder(config, run, dataset, model, checkpoints, loader, on_log) if run else SilentRecorder()
        with contextlib.closing(recorder):
            for batch in loader:
                if stop.requested and cluster.is_chief:  # the other workers end when the chief leaves
                    break
                logged = train_step(batch.images, batch.labels)
                recorder.after(batch, logged)

        # The last sheet and checkpoint
        finished = model.iterations_done >= loader.total
        saved = recorder.finish(logged, finished)
        word = "Finished" if finished else "Stopped"
        print(f"{word} after iteration {model.iterations_done} of {loader.total}{saved}")
        if finished:
            cluster.broadcast_from_chief([model.iteration])  # waits for all: a worker that exits earlier counts as lost
    if not finished:
        print("To continue, add --resume to the same command.")
    elif run:
        with warn_on_write_error("The report"):
            from dcgan_tf.sampling.story import write_report  # here, because it imports matplotlib

            print("Curves and GIF:", *(f"    {path}" for path in write_report(run)), sep="\n")
    return Outcome(run, stop.signal)


def prepare(config: Config, run: Run, dataset: Dataset, model: DCGAN, resumed: bool, start: Run | None) -> Checkpoints:
    """Load weights and clean up after a killed training, if asked; print what will be trained; write reals.png."""
    checkpoints = Checkpoints(model, run, config.max_to_keep)
    if start:
        print(f"Weights from {load_weights(start, model.generator, model.discriminator)}")
    if resumed:
        print(f"Continue from {checkpoints.restore() or 'the beginning, because no checkpoint was saved yet'}")
        remove_temporary_files((run.checkpoints, run.samples, run.logs))
        flags_json.save(run.flags_file, config)
        with warn_on_write_error("The curves"):
            remove_points_after(run.logs, model.iterations_done)
    describe(config, run, dataset, model)
    write_reals(config, run, dataset)
    return checkpoints


def describe(config: Config, run: Run, dataset: Dataset, model: DCGAN) -> None:
    """Print the parameters (the original's show_all_variables), the data, the device, and the run's folders."""
    for network in (model.generator, model.discriminator):
        print(f"{network.name}: {sum(v.shape.num_elements() for v in network.trainable_variables):,} parameters")
        for variable in network.trainable_variables:
            print(f"  {variable.path:32} {'x'.join(map(str, variable.shape)):>16} {variable.shape.num_elements():>12,}")
    count, height, width, channels = dataset.images.shape
    classes = f"{config.y_dim} classes" if config.has_labels else "no classes"
    low, high = config.value_range
    print(f"Data:        {count:,} images {height}x{width}x{channels}, {classes}, range [{low:g}, {high:g}]")
    print(f"Read from:   {dataset.location}")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = ", ".join(detail.get("device_name", "GPU") for detail in details) or "CPU (TensorFlow sees no GPU)"
    sharing = f"; {model.replicas} devices share each batch" if model.replicas > 1 else ""
    print(f"Device:      {names}, {config.precision}{sharing}")
    print(f"Checkpoints: {run.checkpoints}\nSamples:     {run.samples}\nCurves:      tensorboard --logdir {run.logs}")
