"""With XLA, all iterations of a call are one program on the device, which waits for nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from dcgan_tf import replicas
from dcgan_tf.system.cache import first_call

if TYPE_CHECKING:
    from dcgan_tf.model import DCGAN, Values


class XlaStep:
    """The train step of a model with XLA. It is compiled once, for all K up to `steps_per_call`, when it is made.

    The images are those of the longest call, of which it trains the first K.
    """

    def __init__(self, model: DCGAN):
        self.model = model
        self.most = model.steps_per_call
        first_call(self.compile)

    def compile(self) -> None:
        """Trace and compile the program anew, with a call that trains no iteration."""
        # Here, because the same functions would fail again if what was kept of them is damaged
        self.program = tf.function(self.on_replica, jit_compile=True, autograph=False)
        self.function = tf.function(self.on_all, autograph=False)
        config = self.model.config
        shape = (0, config.batch_size)
        self(np.zeros((*shape, *config.image_shape), np.uint8), np.zeros(shape, np.int32))

    def __call__(self, images: np.ndarray, labels: np.ndarray, draws: Values | None = None) -> Values:
        """Train K iterations, as DCGAN.compiled says. Args: draws: what `draw` returned for the first of them."""
        draws = draws or self.draw(self.model.iterations_done + 1)
        return self.function(self.padded(images), self.padded(labels), draws, tf.constant(len(images)))

    def padded(self, array: np.ndarray) -> np.ndarray:
        """Return the array with `most` rows, the first of which are its own."""
        if len(array) == self.most:
            return array
        return np.resize(array, (self.most, *array.shape[1:]))

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def draw(self, first: tf.Tensor) -> Values:
        """Return what DCGAN.draw gives for `most` iterations, made on the CPU: [most, ...]."""
        with tf.device("CPU:0"):
            each = [self.model.draw(first + i) for i in range(self.most)]
            return tf.nest.map_structure(lambda *values: tf.stack(values), *each)

    def on_all(self, images: tf.Tensor, labels: tf.Tensor, draws: Values, count: tf.Tensor) -> Values:
        """Train the first `count` iterations on all replicas."""
        strategy = self.model.strategy
        out = strategy.run(self.program, (images, labels, draws, count))
        return strategy.experimental_local_results(out)[0] | {"z": draws["z"][count - 1]}

    def on_replica(self, images: tf.Tensor, labels: tf.Tensor, draws: Values, count: tf.Tensor) -> Values:
        """Train them on one replica. Returns what the last one logs, except z."""
        model = self.model

        def iteration(i: tf.Tensor, _: Values) -> tuple[tf.Tensor, Values]:
            values = {name: value[i] for name, value in draws.items()}
            replicas.assign(model.iterations, model.iterations + 1)
            return i + 1, model.on_replica(images[i], labels[i], values)

        nothing = {name: tf.zeros(shape) for name, shape in model.logged_shapes().items()}
        start = (tf.constant(0), nothing)
        _, logged = tf.while_loop(lambda i, _: i < count, iteration, start, parallel_iterations=1)
        return logged
