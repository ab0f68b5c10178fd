"""TensorBoard's event files of a run that is resumed."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from dcgan_tf.files import atomic_write


def drop_after(logs: Path, iteration: int) -> None:
    """Take the points after `iteration` out of the run's event files, so that a resumed run draws one curve."""
    for file in logs.glob("events.out.tfevents.*"):
        with atomic_write(file) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
            try:
                for record in tf.data.TFRecordDataset(str(file)):
                    if tf.compat.v1.Event.FromString(record.numpy()).step <= iteration:
                        writer.write(record.numpy())
            except tf.errors.DataLossError:
                pass  # the end of the file, which sudden death cut off: nothing follows it
