"""With XLA, all iterations of a call are one program on the device, which waits for nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from dcgan_tf import replicas
from dcgan_tf.losses import LOSSES
from dcgan_tf.system.cache import first_call

if TYPE_CHECKING:
    from dcgan_tf.model import DCGAN, Values


class XlaStep:
    """The train step of a model with XLA. It is compiled once, for all K up to `most`, when it is made.

    The images are those of the longest call, of which it trains the first K.
    """

    def __init__(self, model: DCGAN, most: int):
        """Args: most: how many iterations the longest call has."""
        self.model = model
        self.most = most
        first_call(self.compile)

    def compile(self) -> None:
        """Trace and compile the program, with a call that trains no iteration."""
        self.program = tf.function(self.iterations_on_replica, jit_compile=True, autograph=False)
        self.function = tf.function(self.iterations_on_all, autograph=False)
        self.draw = tf.function(self.draws, input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
        shape = (0, self.model.config.batch_size)
        images = np.zeros((*shape, *self.model.config.image_shape), np.uint8)
        self(images, np.zeros(shape, np.int32))

    def __call__(self, images: np.ndarray, labels: np.ndarray, draws: Values | None = None) -> Values:
        """Train K iterations, as DCGAN.compiled says. Args: draws: what `draw` returned for the first of them."""
        if draws is None:
            draws = self.draw(self.model.iterations_done + 1)
        return self.function(self.padded(images), self.padded(labels), draws, tf.constant(len(images)))

    def padded(self, array: np.ndarray) -> np.ndarray:
        """Return the array with `most` rows, the first of which are its own."""
        if len(array) == self.most:
            return array
        return np.resize(array, (self.most, *array.shape[1:]))

    def draws(self, first: tf.Tensor) -> Values:
        """Return what DCGAN.draw gives for `most` iterations, made on the CPU: [most, ...]."""
        with tf.device("CPU:0"):
            each = [self.model.draw(first + i) for i in range(self.most)]
            return {name: tf.stack([values[name] for values in each]) for name in each[0]}

    def iterations_on_all(self, images: tf.Tensor, labels: tf.Tensor, draws: Values, count: tf.Tensor) -> Values:
        """Train the first `count` iterations on all replicas."""
        strategy = self.model.strategy
        out = strategy.run(self.program, (images, labels, draws, count))
        logged = {name: strategy.experimental_local_results(value)[0] for name, value in out.items()}
        return logged | {"z": draws["z"][count - 1]}

    def iterations_on_replica(self, images: tf.Tensor, labels: tf.Tensor, draws: Values, count: tf.Tensor) -> Values:
        """Train them on one replica. Returns what the last one logs, except z."""
        model = self.model
        size = model.config.batch_size // model.replica_count
        shapes = dict.fromkeys(LOSSES, ()) | {"d": (size, 1), "d_": (size, 1), "G": (size, *model.config.image_shape)}

        def iteration(i: tf.Tensor, _: Values) -> tuple[tf.Tensor, Values]:
            values = {name: value[i] for name, value in draws.items()}
            replicas.assign(model.iterations, model.iterations + 1)
            return i + 1, model.on_replica(images[i], labels[i], values)

        nothing = {name: tf.zeros(shapes[name]) for name in model.logged_names()}
        start = (tf.constant(0), nothing)
        _, logged = tf.while_loop(lambda i, _: i < count, iteration, start, parallel_iterations=1)
        return logged
