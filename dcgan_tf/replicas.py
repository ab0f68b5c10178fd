"""Operations over the replicas of a train step, one on each device. With one replica, `mean` returns its input."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def mean(values: Any) -> Any:
    """Return the mean over all replicas of each tensor in a structure. Every replica must call it."""
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)


def assign(variable: tf.Variable, value: tf.Tensor) -> None:
    """Set this replica's copy of a variable. Every replica must set its copy to the same value.

    TensorFlow's own assign would first collect the value from all replicas, and XLA cannot compile it.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)


def shard(x: tf.Tensor, size: int) -> tf.Tensor:
    """Return this replica's shard [size, ...] of a whole batch x, [B, ...]."""
    x = tf.reshape(x, [-1, size, *x.shape[1:]])
    return x[tf.distribute.get_replica_context().replica_id_in_sync_group]
