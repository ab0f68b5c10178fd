"""The sheets of a training: samples that one can compare, and the real images as the networks see them."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
import tensorflow as tf
from tensorboard.plugins.image.metadata import create_summary_metadata

from dcgan_tf.augment import augment, sample_augmentations
from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.pixels import to_float, to_uint8
from dcgan_tf.runs.run import Run
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import warn_on_write_error
from dcgan_tf.system.files import write_bytes
from dcgan_tf.system.messages import report, say
from dcgan_tf.system.startup import why_no_gpu
from dcgan_tf.training.curves import Curves
from dcgan_tf.training.schedule import Schedule

IMAGES = create_summary_metadata(display_name="", description="")  # what TensorBoard shows as images


class TrainingSheets:
    """Writes sheets of samples, all of the same z and labels, so that one can compare them."""

    def __init__(self, run: Run, dataset: Dataset, model: DCGAN, curves: Curves):
        """Args: curves: of the training, which TensorBoard shows beside the sheets."""
        self.thread = ThreadPoolExecutor(1)  # makes the files of the sheets
        self.files: Future[None] | None = None  # of the last sheet
        self.folder = run.samples_folder
        self.curves = curves
        z = model.draw(0)["z"]
        labels = tf.one_hot(labels_of_sheets(dataset, len(z)), model.config.y_dim)
        self.sample = tf.function(lambda: model.sampler(z, labels, training=False))

    def write(self, iteration: int, logged: object) -> None:
        """Write the sheet of an iteration, also for TensorBoard, which sorts tags and so begins with a capital."""
        self._write(f"train_{iteration:08d}", iteration, shown=True)

    def write_of_epoch(self, iteration: int, logged: object) -> None:
        """Write the sheet of the epoch that ends with the iteration."""
        self._write(f"epoch_{self.curves.schedule.epoch_of(iteration):04d}", iteration)

    def wait(self) -> None:
        """Wait until the files of the last sheet are complete."""
        if self.files:
            self.files.result()

    def _write(self, name: str, iteration: int, shown: bool = False) -> None:
        images = to_uint8(self.sample(), self.curves.value_range)
        self.curves.monitor.check_samples(images, iteration)
        self.wait()
        # In this context, which says whether messages are shown
        self.files = self.thread.submit(copy_context().run, self._write_files, name, iteration, images, shown)

    def _write_files(self, name: str, iteration: int, images: np.ndarray, shown: bool) -> None:
        sheet = image_files.sheet(images)
        png = image_files.png(sheet)
        with warn_on_write_error("The sheet"):
            write_bytes(self.folder / f"{name}.png", png)
        if not shown:
            return
        height, width, _ = sheet.shape
        with warn_on_write_error("The curves"), self.curves.writer.as_default(step=iteration):
            # As tf.summary.image does, but with the bytes of the file
            tf.summary.write("Samples", [str(width), str(height), png], metadata=IMAGES)


def labels_of_sheets(dataset: Dataset, count: int) -> np.ndarray:
    """Return the labels of the samples on a sheet, int32 [count].

    Those of the first images, as in the original, where they come in random order; else all classes in turn, because
    the first images of a folder are all of the first class.
    """
    if dataset.shuffle_each_epoch and dataset.class_names:
        return np.arange(count, dtype=np.int32) % len(dataset.class_names)
    return dataset.labels[:count]


def write_reals(config: Config, run: Run, dataset: Dataset, schedule: Schedule) -> None:
    """Write reals.png, the first batch as the networks see it; with --augment also augmented.png, changed like D's.

    Its random numbers are others than those of the first iteration.
    """
    batches = dataset.batches(config.batch_size, schedule.per_epoch, seed=config.seed, mirror=config.mirror)
    first, _ = next(batches)
    with warn_on_write_error("The sheet of real images"):
        image_files.save_png(run.samples_folder / "reals.png", image_files.sheet(first))
        if config.augment:
            numbers = sample_augmentations(config.seed, 1, config.batch_size, 1, config.augment_p)[:, 0]
            images = to_float(first, config.value_range)
            images = augment(images, numbers, config.augmentations, config.value_range, config.augment_p)
            sheet = image_files.sheet(to_uint8(images, config.value_range))
            image_files.save_png(run.samples_folder / "augmented.png", sheet)
    report("First batch", f"{run.samples_folder / 'reals.png'} (look at it: the networks see these images)")


def describe(model: DCGAN) -> None:
    """Say the device and the parameters; with --verbose all of them (the original's show_all_variables).

    The numbers are of the trainable ones: batch norm's moving averages are not counted.
    """
    sharing = ""
    if model.replica_count > 1:
        sharing = f"; {model.replica_count} devices share each batch"
    report("Device", f"{device_names()}, {model.config.precision}{sharing}")
    for network in model.networks:
        count = sum(variable.shape.num_elements() for variable in network.trainable_variables)
        say(f"{network.name}: {count:,} parameters")
        if model.config.verbose:
            for variable in network.trainable_variables:
                shape = "x".join(map(str, variable.shape))
                say(f"  {variable.path:32} {shape:>16} {variable.shape.num_elements():>12,}")


def device_names() -> str:
    """Return the GPUs that are seen, or the CPU with the reason why none is."""
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.get_visible_devices("GPU")]
    return ", ".join(gpu.get("device_name", "GPU") for gpu in gpus) or f"CPU ({why_no_gpu()})"
