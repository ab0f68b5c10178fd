"""The curves of a training: TensorBoard's files, and the progress line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from dcgan_tf.losses import DRAWN
from dcgan_tf.model import DCGAN, Values
from dcgan_tf.pixels import to_uint8
from dcgan_tf.runs.run import Run
from dcgan_tf.system.errors import warn_on_write_error
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import progress
from dcgan_tf.training.loader import Batch
from dcgan_tf.training.monitor import Monitor
from dcgan_tf.training.schedule import Schedule

LINE = "{desc} |{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"  # on the screen
OnLog = Callable[[dict[str, float]], object]  # called with the iteration and the losses, or scores, by name
Callbacks = tuple[OnLog | None, OnLog | None]  # on_log, on_evaluate


class Curves:
    """Writes TensorBoard's files, and shows the progress line.

    Nothing but what is not finite ends the training: if a file cannot be written, that is a warning.
    """

    def __init__(self, model: DCGAN, run: Run, schedule: Schedule):
        self.writer = tf.summary.create_file_writer(str(run.logs_folder))
        self.value_range = model.config.value_range
        self.schedule = schedule
        self.monitor = Monitor(model.config)
        self.bar = progress(initial=model.iterations_done, total=schedule.total, mininterval=0.2, bar_format=LINE)

    def count(self, batch: Batch) -> None:
        """Count the iterations of a batch."""
        epoch = self.schedule.epoch_of(batch.iteration)
        self.bar.set_description_str(f"epoch {epoch}/{self.schedule.epochs}", refresh=False)
        self.bar.update(len(batch.images))

    def write(self, iteration: int, values: Values) -> dict[str, float]:
        """Write the losses, histograms of z, d and d_, and, if logged, G's images.

        Args: values: what DCGAN.compiled returned; G is float32 [B, H, W, C] in the value range.
        Returns: the losses. Raises: UserError if one is not finite.
        """
        logged = copied(values)
        losses = self.monitor.check_losses(logged, iteration)
        points = [scalar_pb(name, value) for name, value in losses.items()]
        points += [histogram_pb(name, logged[name]) for name in ("z", "d", "d_")]
        with warn_on_write_error("The curves"), self.writer.as_default(step=iteration):
            # One operation for all, because a point by tf.summary would be about ten.
            tf.summary.experimental.write_raw_pb(b"".join(point.SerializeToString() for point in points))
            if "G" in logged:
                tf.summary.image("G", to_uint8(logged["G"], self.value_range), max_outputs=16)
        self.bar.set_postfix({name: f"{losses[name]:.3f}" for name in DRAWN}, refresh=False)
        return losses


def copied(values: Values) -> dict[str, np.ndarray]:
    """Return the values as arrays: one copy from the device, because each waits for it."""
    packed = tf.concat([tf.reshape(value, [-1]) for value in values.values()], 0).numpy()
    arrays = {}
    for name, value in values.items():
        size = value.shape.num_elements()
        arrays[name] = packed[:size].reshape(value.shape)
        packed = packed[size:]
    return arrays


def remove_points_after(files: Iterable[Path], iteration: int) -> None:
    """Remove the points after `iteration` from TensorBoard's files, so that a resumed run has one curve."""
    for file in files:
        with atomic_write(file) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            for step, record in _points(file):
                if step <= iteration:
                    writer.write(record)


def last_step(files: Iterable[Path]) -> int:
    """Return the last iteration in TensorBoard's files; 0 if there are none."""
    return max((step for file in files for step, _ in _points(file)), default=0)


def _points(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the iteration and the bytes of each record that can be read."""
    with contextlib.suppress(tf.errors.DataLossError):  # a killed training cut off the last record
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            yield tf.compat.v1.Event.FromString(record).step, record
