"""The original's layers (ops.py). The weights have its variable names, so `variable.path` is the original's name."""

from __future__ import annotations

from functools import partial

import keras
import tensorflow as tf

from dcgan_tf import replicas

DECAY = 0.9  # of the moving averages
CLASS_SPREAD = 0.5  # standard deviation of the gammas and betas with which classes begin
EPSILON = 1.001e-5  # the original sets 1e-5; the fused kernel of TensorFlow 1 raises that to this minimum


class Weighted(keras.layers.Layer):
    """Base class: a layer of `units` with a kernel, whose initial values depend on its seed, and a bias of 0."""

    seed: int | None = None  # None: Keras draws one
    initializer = keras.initializers.RandomNormal
    names = ("w", "biases")  # of kernel and bias

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def add_weights(self, *shape):
        """Create the kernel of that shape, and the bias [units]: float32, also in mixed precision."""
        kernel, bias = self.names
        normal = self.initializer(stddev=0.02, seed=self.seed)
        self.kernel = self.add_weight(name=kernel, shape=shape, initializer=normal)
        self.bias = self.add_weight(name=bias, shape=(self.units,), initializer="zeros")

    def compute_output_shape(self, shape):
        """Return the shape of what `call` returns, for Keras's summaries."""
        return keras.Operation.compute_output_spec(self, keras.KerasTensor(shape)).shape


class Conv(Weighted):
    """5x5 convolution, stride 2, SAME, bias: [B, H, W, C] -> [B, ceil(H/2), ceil(W/2), units] (ops.py, conv2d)."""

    # Like tf.truncated_normal_initializer: cut at two sigma, not rescaled.
    initializer = keras.initializers.TruncatedNormal

    def build(self, shape):
        self.add_weights(5, 5, shape[-1], self.units)

    def call(self, x):
        return tf.nn.bias_add(tf.nn.conv2d(x, self.kernel, strides=2, padding="SAME"), self.bias)


class Deconv(Weighted):
    """5x5 transposed convolution, stride 2, SAME, bias: [B, h, w, C] -> [B, height, width, units] (ops.py, deconv2d).

    The output size is explicit, because both 2h and 2h - 1 are possible heights.
    """

    def __init__(self, height: int, width: int, units: int, **kwargs):
        super().__init__(units, **kwargs)
        self.size = (height, width)

    def build(self, shape):
        self.add_weights(5, 5, self.units, shape[-1])

    def call(self, x):
        shape = (x.shape[0] or tf.shape(x)[0], *self.size, self.units)
        return tf.nn.bias_add(tf.nn.conv2d_transpose(x, self.kernel, shape, strides=2, padding="SAME"), self.bias)


class Linear(Weighted):
    """Dense layer with bias: [B, C] -> [B, units] (ops.py, linear)."""

    names = ("Matrix", "bias")

    def build(self, shape):
        self.add_weights(shape[-1], self.units)

    def call(self, x):
        return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)


class BatchNorm(keras.layers.Layer):
    """Batch norm over all axes but the last: [B, C] or [B, H, W, C] (ops.py, batch_norm).

    It normalizes with the biased batch variance, and the moving variance takes the Bessel-corrected one.
    keras.layers.BatchNormalization stores the biased one.

    With classes, each has its own gamma and beta, which the one-hot labels [B, Y] choose (Dumoulin et al. 2017, as in
    Miyato & Koyama 2018). They begin at random, so that classes differ from the start (docs/networks.md).

    Args: classes: Y; 0: one gamma and one beta for all images.
    """

    # TensorFlow's fused op, the fastest. XLA rewrites it as E[x^2] - E[x]^2, which loses too many digits to match the
    # original, so compiled networks need False.
    fused = True
    synchronized = False  # whether to use the statistics of the whole batch, not of each replica's shard; not fused

    seed: int | None = None  # of gamma and beta with classes; None: Keras draws one

    def __init__(self, classes: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shape):
        add = partial(self.add_weight, autocast=False)  # float32, also in mixed precision
        moving = partial(add, shape[-1:], trainable=False)
        affine = shape[-1:]
        initial = ["ones", "zeros"]
        if self.classes:
            affine = (self.classes, *affine)
            normal = partial(keras.initializers.RandomNormal, stddev=CLASS_SPREAD)
            initial = [normal(1.0, seed=self.seed), normal(0.0, seed=self.seed and self.seed + 1)]
        self.gamma = add(affine, initial[0], name="gamma")
        self.beta = add(affine, initial[1], name="beta")
        self.moving_mean = moving("zeros", name="moving_mean")
        self.moving_variance = moving("ones", name="moving_variance")

    def compute_output_shape(self, shape, labels=None):
        return shape

    def call(self, x, labels=None, *, training):
        if x.shape.rank == 2:  # behind a linear layer
            return self.call(x[:, None, None, :], training=training)[:, 0, 0, :]
        if not self.classes:
            return self.normalize(x, self.gamma.value, self.beta.value, training)
        y = self.normalize(x, tf.ones(x.shape[-1]), tf.zeros(x.shape[-1]), training)
        labels = tf.cast(labels, tf.float32)
        chosen = (tf.matmul(labels, rows.value)[:, None, None, :] for rows in (self.gamma, self.beta))
        scale, offset = (tf.cast(rows, y.dtype) for rows in chosen)
        return y * scale + offset

    def normalize(self, x, scale, offset, training):
        """Return x [B, H, W, C], normalized, times scale [C] plus offset [C], in the dtype of x.

        In training, normalize by the batch's statistics, and move the averages; else by the averages.
        """
        averages = (self.moving_mean.value, self.moving_variance.value)
        fused = tf.compat.v1.nn.fused_batch_norm  # of TensorFlow 2, only the raw operation is public
        if not training:
            return fused(x, scale, offset, *averages, EPSILON, is_training=False)[0]
        if self.fused:
            y, *statistics = fused(x, scale, offset, epsilon=EPSILON)
        else:
            y, *statistics = self._two_pass(x, scale, offset)
        for average, batch in zip(averages, statistics, strict=True):
            replicas.assign(average, average - (average - batch) * (1 - DECAY))
        return y

    def _two_pass(self, x, scale, offset):
        """Return what the fused op does in training: y, and the batch's mean and Bessel-corrected variance."""
        wide = tf.cast(x, tf.float32)
        n = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        over_replicas = tf.identity
        if self.synchronized:
            over_replicas = replicas.mean
            n *= tf.distribute.get_strategy().num_replicas_in_sync
        mean = over_replicas(tf.reduce_mean(wide, [0, 1, 2]))
        variance = over_replicas(tf.reduce_mean(tf.square(wide - tf.stop_gradient(mean)), [0, 1, 2]))
        y = tf.nn.batch_normalization(wide, mean, variance, offset, scale, EPSILON)
        corrected = variance * n / tf.maximum(n - 1, 1)
        return tf.cast(y, x.dtype), tf.stop_gradient(mean), tf.stop_gradient(corrected)


class ClassBatchNorm(BatchNorm):
    """Batch norm with classes. A .keras file keeps its weights under this name, also one of version 1.0.0."""


def append_labels(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Append labels [B, Y] to x [B, C], or label maps to x [B, H, W, C], on the last axis (conv_cond_concat)."""
    labels = tf.cast(labels, x.dtype)
    if x.shape.rank == 4:
        labels = labels[:, None, None, :] * tf.ones_like(x[..., :1])
    return tf.concat([x, labels], axis=-1)
