"""The curves of a training: TensorBoard's files, and the figures on the progress line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from dcgan_tf.pixels import ValueRange, to_uint8
from dcgan_tf.system.errors import warn_on_write_error
from dcgan_tf.system.files import atomic_write


class Curves:
    """Writes TensorBoard's files."""

    def __init__(self, folder: Path, value_range: ValueRange):
        """Args: value_range: of G's images."""
        self.writer = tf.summary.create_file_writer(str(folder))
        self.value_range = value_range

    def write(self, iteration: int, logged: dict[str, tf.Tensor], losses: dict[str, float]) -> None:
        """Write the losses, histograms of z, d and d_, and, if logged, G's images."""
        with warn_on_write_error("The curves"), self.writer.as_default(step=iteration):
            for name, value in losses.items():
                tf.summary.scalar(name, value)
            for name in ("z", "d", "d_"):
                tf.summary.histogram(name, logged[name])
            if "G" in logged:
                tf.summary.image("G", to_uint8(logged["G"].numpy(), self.value_range), max_outputs=16)

    def flush(self) -> None:
        """Write what is still in memory."""
        with warn_on_write_error("The curves"):
            self.writer.flush()


class Pace:
    """How fast a training goes, from one logged iteration to the next."""

    def __init__(self, iteration: int, batch_size: int):
        """Args: iteration: the number of iterations that are done already."""
        self.batch_size = batch_size
        self.iteration = iteration
        self.time = time.perf_counter()
        self.waited = 0.0

    def wait(self, seconds: float) -> None:
        """Count seconds for which the training has waited for a batch."""
        self.waited += seconds

    def lap(self, iteration: int) -> dict[str, str]:
        """Return the figures since the last call: images trained on, images/s, and the share of time waited."""
        now = time.perf_counter()
        seconds = now - self.time
        images = (iteration - self.iteration) * self.batch_size
        figures = {
            "images": f"{iteration * self.batch_size:,}",
            "images/s": f"{images / seconds:.0f}",
            "waiting": f"{self.waited / seconds:.1%}",
        }
        self.iteration = iteration
        self.time = now
        self.waited = 0.0
        return figures


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
        for record in tf.data.TFRecordDataset(str(file)):
            yield tf.compat.v1.Event.FromString(record.numpy()).step, record.numpy()
