"""Adam with the formula of TensorFlow 1: epsilon (1e-8) is added after the bias correction has moved into the rate."""

from __future__ import annotations

import keras
import tensorflow as tf

from dcgan_tf import replicas


class Adam:
    """Adam (Kingma & Ba 2015, end of section 2): w -= lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon).

    beta1^t and beta2^t are stored in variables. Each update multiplies them by beta1 and beta2, as in TensorFlow 1.
    One TensorFlow operation updates each variable.
    """

    def __init__(self, variables: list[keras.Variable], learning_rate: tf.Variable, beta1: float):
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.beta2 = 0.999
        self.epsilon = 1e-8
        self.m = {v.path: tf.Variable(tf.zeros_like(v.value)) for v in variables}
        self.v = {v.path: tf.Variable(tf.zeros_like(v.value)) for v in variables}
        self.beta1_power = tf.Variable(beta1)
        self.beta2_power = tf.Variable(self.beta2)

    def apply(self, gradients: list[tf.Tensor], variables: list[tf.Variable]) -> None:
        """Update the variables once with their gradients."""
        slots = (self.m.values(), self.v.values())
        for variable, m, v, gradient in zip(variables, *slots, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=self.beta1_power,
                beta2_power=self.beta2_power,
                lr=self.learning_rate,
                beta1=self.beta1,
                beta2=self.beta2,
                epsilon=self.epsilon,
                grad=gradient,
            )
        replicas.assign(self.beta1_power, self.beta1_power * self.beta1)
        replicas.assign(self.beta2_power, self.beta2_power * self.beta2)

    def state(self) -> dict[str, tf.Variable]:
        """Return every variable of the optimizer, by name."""
        m = {f"m/{name}": variable for name, variable in self.m.items()}
        v = {f"v/{name}": variable for name, variable in self.v.items()}
        return m | v | {"beta1_power": self.beta1_power, "beta2_power": self.beta2_power}


class LossScale:
    """What a loss is multiplied by, so that its gradients do not underflow in float16 (Micikevicius et al. 2018).

    As in keras.optimizers.LossScaleOptimizer: an update whose gradients are not finite is left out and halves the
    scale; STEPS updates in a row with finite ones double it.
    """

    NAMES = ("loss_scale", "loss_scale_steps")  # in a checkpoint
    STEPS = 2000
    LARGEST = 2.0**24

    def __init__(self):
        self.scale = tf.Variable(1024.0, trainable=False)
        self.finite_steps = tf.Variable(0, dtype=tf.int64, trainable=False)  # since the scale changed

    def apply(self, optimizer: Adam, gradients: list[tf.Tensor], variables: list[tf.Variable]) -> None:
        """Let the optimizer update the variables if all gradients, the same ones on every replica, are finite."""
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
        tf.cond(finite, lambda: optimizer.apply(gradients, variables), lambda: None)
        steps = tf.where(finite, self.finite_steps + 1, 0)
        doubles = steps == self.STEPS
        scale = tf.where(finite, self.scale, self.scale / 2)
        replicas.assign(self.scale, tf.where(doubles, tf.minimum(2 * scale, self.LARGEST), scale))
        replicas.assign(self.finite_steps, steps % self.STEPS)

    def state(self) -> dict[str, tf.Variable]:
        """Return its variables by name."""
        return dict(zip(self.NAMES, (self.scale, self.finite_steps), strict=True))
