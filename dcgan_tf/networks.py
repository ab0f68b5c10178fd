"""The networks of the original (model.py: generator, sampler, discriminator), one keras.Model each.

Generator and Discriminator have any number of stages, four in the original, and classes if there are labels. The
Conditional ones are the original's for labels, made for MNIST.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import partial
from random import Random

import keras
import tensorflow as tf

from dcgan_tf.layers import BatchNorm, ClassBatchNorm, Conv, Deconv, Linear, Weighted, append_labels
from dcgan_tf.settings.config import Config

# Two threads that build networks at the same time end the process in TensorFlow 2.18.
ONE_AT_A_TIME = threading.Lock()
leaky_relu = partial(tf.nn.leaky_relu, alpha=0.2)


def flatten(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


def stage_filters(first: int, stages: int) -> list[int]:
    """Return the filters of each stage, from the images on: twice as many each time, at most 8 times the first."""
    return [first * min(2**i, 8) for i in range(stages)]


class Network(keras.Model):
    """Base class: a network that a .keras file can store. Keras makes it again from its arguments and its input shapes.

    The arguments must be numbers or text, and what else a subclass takes be named kwargs.
    """

    def __new__(cls, *args, **kwargs):  # that of keras.Model would not let Keras see the arguments
        return keras.layers.Layer.__new__(cls, *args, **kwargs)

    def build(self, inputs_shape, labels_shape=None):
        for layer in self.layers:
            layer.dtype_policy = self.dtype_policy
        inputs = [tf.zeros([1, *shape[1:]]) for shape in (inputs_shape, labels_shape) if shape]
        self.call(*inputs, training=False)  # builds the layers


@keras.saving.register_keras_serializable("dcgan_tf")
class Generator(Network):
    """z [B, Z] -> images [B, height, width, c_dim] in [-1, 1], by one doubling a stage; the original has four.

    With classes, each class has its own gamma and beta in batch norm, which the one-hot labels [B, Y] choose (Miyato &
    Koyama 2018). Without, labels are ignored.

    Args:
      height, width, c_dim: of the images; any size, rounded up when halved.
      gf_dim: filters of the last hidden stage; each stage before has twice as many, at most 8 times as many.
      stages: doublings, from ceil(height / 2^stages) on.
      classes: Y; 0 without labels.
    """

    def __init__(self, height: int, width: int, c_dim: int, gf_dim: int, stages: int = 4, classes: int = 0, **kwargs):
        super().__init__(**{"name": "generator"} | kwargs)
        sizes = [(-(-height // 2**i), -(-width // 2**i)) for i in range(stages, -1, -1)]  # rounded up
        filters = [*reversed(stage_filters(gf_dim, stages)), c_dim]
        self.base_shape = (*sizes[0], filters[0])
        self.linear = Linear(math.prod(self.base_shape), name="g_h0_lin")
        norm: Callable[..., BatchNorm] = BatchNorm
        if classes:
            norm = partial(ClassBatchNorm, classes)
        self.norms = [norm(name=f"g_bn{i}") for i in range(stages)]
        self.deconvs = [Deconv(*sizes[i], filters[i], name=f"g_h{i}") for i in range(1, stages + 1)]

    def call(self, inputs, labels=None, *, training=None):
        x = tf.reshape(self.linear(inputs), [-1, *self.base_shape])  # with four stages [B, h/16, w/16, 8gf]
        for norm, deconv in zip(self.norms, self.deconvs, strict=True):
            x = deconv(tf.nn.relu(norm(x, labels, training=training)))  # 4gf, 2gf, gf, c_dim
        return tf.nn.tanh(x)


@keras.saving.register_keras_serializable("dcgan_tf")
class Discriminator(Network):
    """Images [B, H, W, C] in [-1, 1] -> logits [B, 1], by one halving a stage; the original has four.

    With classes, the logit of the one-hot labels [B, Y] is added: the product of a vector for each class and of the
    last stage's output, summed over its pixels (Miyato & Koyama 2018, equation 4). Without, labels are ignored.

    If it names classes, the output in training is [B, 2]: also the log-probability that these products of all classes
    give to the class of the image, for `losses.d_class_loss`.
    """

    def __init__(self, df_dim: int, stages: int = 4, classes: int = 0, names: bool = False, **kwargs):
        super().__init__(**{"name": "discriminator"} | kwargs)
        filters = stage_filters(df_dim, stages)
        self.convs = [Conv(filters[i], name=f"d_h{i}_conv") for i in range(stages)]
        self.norms = [BatchNorm(name=f"d_bn{i}") for i in range(1, stages)]
        self.linear = Linear(1, name=f"d_h{stages}_lin")
        self.class_vectors = None
        if classes:
            self.class_vectors = Linear(filters[-1], name="d_y_lin")
        self.names = names

    def activations(self, images, labels=None, *, training):
        """Return the output of each stage: [B, H/2, W/2, df], [B, H/4, W/4, 2df], ..."""
        maps = [leaky_relu(self.convs[0](images))]
        for conv, norm in zip(self.convs[1:], self.norms, strict=True):
            maps.append(leaky_relu(norm(conv(maps[-1]), training=training)))  # 2df, 4df, 8df
        return maps

    def call(self, inputs, labels=None, *, training=None):
        x = self.activations(inputs, training=training)[-1]
        logits = self.linear(flatten(x))
        if not self.class_vectors:
            return logits
        sums = tf.reduce_sum(x, [1, 2])
        logits += tf.reduce_sum(self.class_vectors(labels) * sums, 1, keepdims=True)
        if not (self.names and training):
            return logits
        products = tf.matmul(sums, self.class_vectors.kernel, transpose_b=True)  # of all classes, [B, Y]
        log_probabilities = tf.nn.log_softmax(tf.cast(products, tf.float32))
        of_class = tf.reduce_sum(tf.cast(labels, tf.float32) * log_probabilities, 1, keepdims=True)
        return tf.concat([tf.cast(logits, tf.float32), of_class], 1)


@keras.saving.register_keras_serializable("dcgan_tf")
class ConditionalGenerator(Network):
    """z [B, Z] and one-hot labels [B, Y] -> images [B, height, width, c_dim] in [0, 1], by two doublings.

    Each layer gets the labels beside its input.

    Args: height, width: multiples of 4; gf_dim: both hidden maps have twice as many filters; gfc_dim: units of the
      first linear layer.
    """

    def __init__(self, height: int, width: int, c_dim: int, gf_dim: int, gfc_dim: int, **kwargs):
        super().__init__(**{"name": "generator"} | kwargs)
        self.base_shape = (height // 4, width // 4, 2 * gf_dim)
        self.linear0 = Linear(gfc_dim, name="g_h0_lin")
        self.norm0 = BatchNorm(name="g_bn0")
        self.linear1 = Linear(math.prod(self.base_shape), name="g_h1_lin")
        self.norm1 = BatchNorm(name="g_bn1")
        self.deconv2 = Deconv(height // 2, width // 2, 2 * gf_dim, name="g_h2")
        self.norm2 = BatchNorm(name="g_bn2")
        self.deconv3 = Deconv(height, width, c_dim, name="g_h3")

    def call(self, inputs, labels, *, training=None):
        x = tf.nn.relu(self.norm0(self.linear0(append_labels(inputs, labels)), training=training))  # [B, gfc]
        x = tf.nn.relu(self.norm1(self.linear1(append_labels(x, labels)), training=training))
        x = append_labels(tf.reshape(x, [-1, *self.base_shape]), labels)  # [B, h/4, w/4, 2gf + Y]
        x = tf.nn.relu(self.norm2(self.deconv2(x), training=training))  # [B, h/2, w/2, 2gf]
        return tf.nn.sigmoid(self.deconv3(append_labels(x, labels)))


@keras.saving.register_keras_serializable("dcgan_tf")
class ConditionalDiscriminator(Network):
    """Images [B, H, W, C] in [0, 1] and one-hot labels [B, Y] -> logits [B, 1], by two halvings.

    Args: filters0, filters1: of the two convolutions; dfc_dim: units of the linear layer after them.
    """

    def __init__(self, filters0: int, filters1: int, dfc_dim: int, **kwargs):
        super().__init__(**{"name": "discriminator"} | kwargs)
        self.conv0 = Conv(filters0, name="d_h0_conv")
        self.conv1 = Conv(filters1, name="d_h1_conv")
        self.norm1 = BatchNorm(name="d_bn1")
        self.linear2 = Linear(dfc_dim, name="d_h2_lin")
        self.norm2 = BatchNorm(name="d_bn2")
        self.linear3 = Linear(1, name="d_h3_lin")

    def activations(self, images, labels, *, training):
        """Return the output of each convolution: [B, H/2, W/2, filters0], [B, H/4, W/4, filters1]."""
        x = leaky_relu(self.conv0(append_labels(images, labels)))
        return [x, leaky_relu(self.norm1(self.conv1(append_labels(x, labels)), training=training))]

    def call(self, inputs, labels, *, training=None):
        x = self.activations(inputs, labels, training=training)[-1]
        x = append_labels(flatten(x), labels)  # [B, H/4 * W/4 * filters1 + Y]
        x = leaky_relu(self.norm2(self.linear2(x), training=training))  # [B, dfc]
        return self.linear3(append_labels(x, labels))


def build_generator(config: Config, precision: str = "float32", **batch_norm: bool) -> keras.Model:
    """Build the generator. Its initial weights depend on the sizes and config.seed only.

    Args:
      config: the sizes, and whether there are labels.
      precision: one of config.PRECISIONS, for the arithmetic; weights and batch statistics are float32.
      batch_norm: how its BatchNorm layers compute: fused, synchronized.
    Returns: a ConditionalGenerator or a Generator: z [B, Z] and labels [B, Y] -> images in config.value_range.
    """
    sizes = (*config.image_shape, config.gf_dim)
    if config.has_mnist_networks:
        generator = ConditionalGenerator(*sizes, config.gfc_dim)
    else:
        generator = Generator(*sizes, config.stage_count, config.y_dim)
    return _build(generator, precision, config.seed, batch_norm, [1, config.z_dim], [1, config.y_dim])


def build_discriminator(config: Config, precision: str = "float32", **batch_norm: bool) -> keras.Model:
    """Build the discriminator; arguments and initial weights as in build_generator, but from config.seed + 1.

    Returns: a ConditionalDiscriminator or a Discriminator: images [B, H, W, C] and labels [B, Y] -> logits [B, 1].
    """
    if config.has_mnist_networks:
        first, second = config.d_widths
        discriminator = ConditionalDiscriminator(first, second, config.dfc_dim)
    else:
        discriminator = Discriminator(config.df_dim, config.stage_count, config.y_dim, bool(config.class_loss))
    return _build(discriminator, precision, config.seed + 1, batch_norm, [1, *config.image_shape], [1, config.y_dim])


def _build(
    network: keras.Model, precision: str, seed: int, batch_norm: dict[str, bool], *input_shapes: list[int]
) -> keras.Model:
    network.dtype_policy = precision
    if precision != "float32":
        network.dtype_policy = f"mixed_{precision}"
    random = Random(seed)  # a generator of its own: the caller's global ones stay as they are
    for layer in network.layers:
        inner = getattr(layer, "layer", layer)  # of a wrapper, such as Keras's SpectralNormalization
        if isinstance(inner, (Weighted, ClassBatchNorm)):
            inner.seed = random.randint(1, 10**9)
        if isinstance(inner, BatchNorm):
            for name, value in batch_norm.items():
                setattr(inner, name, value)
    with ONE_AT_A_TIME:
        network.build(*input_shapes)
    return network
