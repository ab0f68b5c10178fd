"""The losses of the original (model.py, build_model), from logits; which are logged and drawn, and when one is low."""

from __future__ import annotations

import tensorflow as tf

LOSSES = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss")  # the losses that every run logs
# Of these, the ones on the progress line and, with these labels, in losses.png.
DRAWN = {"d_loss": "discriminator (d_loss)", "g_loss": "generator (g_loss)"}


def d_loss_real(logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of D's logits [B, 1] on real images against 1, without label smoothing: a scalar."""
    return _mean_cross_entropy(logits, 1.0)


def d_loss_fake(logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of D's logits [B, 1] on generated images against 0: a scalar."""
    return _mean_cross_entropy(logits, 0.0)


def g_loss(logits: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of D's logits [B, 1] on generated images against 1: a scalar."""
    return _mean_cross_entropy(logits, 1.0)


def d_class_loss(output: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of the classes that D sees in real images, against their own: a scalar.

    Args: output: of D, [B, 2]: the logits, and the log-probabilities of the images' classes.
    """
    return -tf.reduce_mean(output[:, 1])


def is_low(d_loss: float) -> bool:
    """Return whether a logged d_loss leaves the generator nothing to learn from."""
    return abs(d_loss) < 0.01


def _mean_cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    logits = tf.cast(logits, tf.float32)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), target), logits))
