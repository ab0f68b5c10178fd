"""A straightforward Keras port of the same networks: Keras's layers, batch norm and Adam, three train steps, float32.

python benchmarks/peers/plain_keras.py [--dataset mnist|made64]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1]))
from turns import SHAPES, peer_parser, time_peer

from dcgan_tf.system.startup import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402


def conv(filters: int):
    return layers.Conv2D(filters, 5, 2, "same", kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02))


def deconv(filters: int):
    return layers.Conv2DTranspose(
        filters, 5, 2, "same", kernel_initializer=keras.initializers.RandomNormal(stddev=0.02)
    )


def dense(units: int):
    return layers.Dense(units, kernel_initializer=keras.initializers.RandomNormal(stddev=0.02))


def norm(x):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def with_labels(x, y):
    if len(x.shape) == 4:
        y = layers.UpSampling2D(x.shape[1:3])(layers.Reshape((1, 1, y.shape[-1]))(y))
    return layers.Concatenate()([x, y])


def leaky(x):
    return layers.LeakyReLU(negative_slope=0.2)(x)


def generator() -> keras.Model:
    z, y = keras.Input((100,)), keras.Input((0,))
    x = layers.Reshape((4, 4, 512))(dense(4 * 4 * 512)(z))
    for filters in (256, 128, 64, 3):
        x = deconv(filters)(layers.ReLU()(norm(x)))
    return keras.Model([z, y], keras.activations.tanh(x))


def discriminator() -> keras.Model:
    images, y = keras.Input((64, 64, 3)), keras.Input((0,))
    x = leaky(conv(64)(images))
    for filters in (128, 256, 512):
        x = leaky(norm(conv(filters)(x)))
    return keras.Model([images, y], dense(1)(layers.Flatten()(x)))


def conditional_generator() -> keras.Model:
    z, y = keras.Input((100,)), keras.Input((10,))
    x = layers.ReLU()(norm(dense(1024)(with_labels(z, y))))
    x = layers.ReLU()(norm(dense(7 * 7 * 128)(with_labels(x, y))))
    x = layers.ReLU()(norm(deconv(128)(with_labels(layers.Reshape((7, 7, 128))(x), y))))
    return keras.Model([z, y], keras.activations.sigmoid(deconv(1)(with_labels(x, y))))


def conditional_discriminator() -> keras.Model:
    images, y = keras.Input((28, 28, 1)), keras.Input((10,))
    x = leaky(conv(11)(with_labels(images, y)))
    x = layers.Flatten()(leaky(norm(conv(74)(with_labels(x, y)))))
    x = leaky(norm(dense(1024)(with_labels(x, y))))
    return keras.Model([images, y], dense(1)(with_labels(x, y)))


def train_step(options: argparse.Namespace):
    """A function that runs one iteration and waits for its end."""
    conditional = options.dataset == "mnist"
    g = conditional_generator() if conditional else generator()
    d = conditional_discriminator() if conditional else discriminator()
    g_optimizer, d_optimizer = (keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2))
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    size, channels, classes = SHAPES[options.dataset]
    random = np.random.default_rng(0)
    pictures = random.integers(256, size=(options.batch_size, size, size, channels), dtype=np.uint8)
    classes = random.integers(max(len(classes), 1), size=options.batch_size)

    @tf.function
    def d_step(images, y, z):
        with tf.GradientTape() as tape:
            real, fake = d([images, y], training=True), d([g([z, y], training=True), y], training=True)
            loss = cross_entropy(tf.ones_like(real), real) + cross_entropy(tf.zeros_like(fake), fake)
        d_optimizer.apply_gradients(zip(tape.gradient(loss, d.trainable_variables), d.trainable_variables, strict=True))
        return loss

    @tf.function
    def g_step(y, z):
        with tf.GradientTape() as tape:
            fake = d([g([z, y], training=True), y], training=True)
            loss = cross_entropy(tf.ones_like(fake), fake)
        g_optimizer.apply_gradients(zip(tape.gradient(loss, g.trainable_variables), g.trainable_variables, strict=True))
        return loss

    def iteration() -> float:
        images = tf.cast(pictures, tf.float32) / 255
        images = images if conditional else 2 * images - 1
        y = tf.one_hot(classes, 10) if conditional else tf.zeros([options.batch_size, 0])
        z = tf.random.uniform([options.batch_size, 100], -1, 1)
        loss = d_step(images, y, z)
        g_step(y, z)
        g_step(y, z).numpy()
        return float(loss)

    return iteration


if __name__ == "__main__":
    options = peer_parser(__doc__.splitlines()[0]).parse_args()
    time_peer(train_step(options), options.turns)
