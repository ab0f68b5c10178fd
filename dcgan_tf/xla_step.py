"""With XLA, all iterations of a call are one program on the device, which waits for nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from dcgan_tf import replicas
from dcgan_tf.losses import LOSSES
from dcgan_tf.system.xla_cache import first_call

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
        self.draw_all = tf.function(self.draws, autograph=False)
        shape = (0, self.model.config.batch_size)
        images = np.zeros((*shape, *self.model.config.image_shape), np.uint8)
        self(images, np.zeros(shape, np.int32), self.draw(1))

    def __call__(self, images: np.ndarray, labels: np.ndarray, draws: Values | None = None) -> Values:
        """Train K iterations, as DCGAN.compiled says. Args: draws: what `draw` returned for the first of them."""
        count = len(images)
        most = max(self.most, count)
        if draws is None:
            draws = self.draw(self.model.iterations_done + 1, most)
        return self.function(_padded(images, most), _padded(labels, most), draws, tf.constant(count))

    def draw(self, first: int, most: int = 0) -> Values:
        """Draw all that a call takes whose first iteration is `first`; on the CPU, so also while the device trains."""
        return self.draw_all(tf.constant(first, tf.int64), most or self.most)

    def draws(self, first: tf.Tensor, most: int) -> Values:
        """Return what DCGAN.draw gives for `most` iterations: [most, ...]."""
        with tf.device("CPU:0"):
            each = [self.model.draw(first + i) for i in range(most)]
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


def _padded(array: np.ndarray, count: int) -> np.ndarray:
    """Return the array with rows of zeros behind it, so that it has `count` rows."""
    if len(array) == count:
        return array
    return np.concatenate([array, np.zeros((count - len(array), *array.shape[1:]), array.dtype)])
