"""What the replicas of a distributed train step do together; with one replica the value itself."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def mean(values: Any) -> Any:
    """The mean over all replicas of each tensor in a structure: replica code, and a step for all of them together."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)


def assign(variable: tf.Variable, value: tf.Tensor) -> None:
    """Set this replica's copy of a variable; every replica must set its own to the same.

    TensorFlow's own assign would gather from the replicas each time, and cannot be compiled.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def shard(x: tf.Tensor, size: int) -> tf.Tensor:
    """This replica's `size` rows of x [N, ...], which is the whole batch or what one worker's replicas have of it."""
    x = tf.reshape(x, [-1, size, *x.shape[1:]])
    return x[tf.distribute.get_replica_context().replica_id_in_sync_group % tf.shape(x)[0]]
