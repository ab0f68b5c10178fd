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

    beta2 = 0.999
    epsilon = 1e-8

    def __init__(
        self,
        variables: list[keras.Variable],
        learning_rate: tf.Variable,
        beta1: float,
        weight_decay: float = 0.0,
        loss_scale: LossScale | None = None,
    ):
        """Create m and v of each variable, and the powers of beta1 and beta2.

        Args:
          variables: trainable ones of a network, float32.
          learning_rate: which may change between two updates.
          weight_decay: the factor of an L2 term that `minimize` adds to the loss; 0: none.
          loss_scale: with float16, what `minimize` multiplies the loss by; optimizers can share it.
        """
        self.variables = variables
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss_scale = loss_scale
        self.beta1 = beta1
        self.slots = {f"{slot}/{x.path}": tf.Variable(tf.zeros_like(x.value)) for slot in "mv" for x in variables}
        self.beta1_power = tf.Variable(beta1)
        self.beta2_power = tf.Variable(self.beta2)

    def minimize(self, loss: tf.Tensor, tape: tf.GradientTape) -> list[tf.Tensor]:
        """Update the variables once, to lower the loss and its L2 term, half the sum of the squared kernels.

        Args: loss: a scalar, of this replica's shard; tape: which recorded it.
        Returns: the gradients of both, averaged over the replicas, without the loss scale.
        """
        weights = [variable.value for variable in self.variables]
        scale = None
        if self.loss_scale:
            scale = tf.identity(self.loss_scale.scale)
        gradients = replicas.mean(tape.gradient(loss, weights, output_gradients=scale))
        if scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        for i, variable in enumerate(self.variables):
            # With classes, gamma and beta are matrices, too.
            if self.weight_decay and len(variable.shape) > 1 and variable.name not in ("gamma", "beta"):
                gradients[i] += self.weight_decay * weights[i]
        if self.loss_scale:
            self.loss_scale.apply(self, gradients)
        else:
            self.apply(gradients)
        return gradients

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """Update the variables once. Args: gradients: one a variable, in their order and shapes, float32."""
        for variable, gradient in zip(self.variables, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=self.slots[f"m/{variable.path}"].handle,
                v=self.slots[f"v/{variable.path}"].handle,
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
        """Return every variable of the optimizer by its name in a checkpoint, such as m/generator/g_h0_lin/Matrix."""
        return self.slots | {"beta1_power": self.beta1_power, "beta2_power": self.beta2_power}


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

    def apply(self, optimizer: Adam, gradients: list[tf.Tensor]) -> None:
        """Let the optimizer update the variables if all gradients, the same ones on every replica, are finite."""
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
        tf.cond(finite, lambda: optimizer.apply(gradients), lambda: None)
        steps = tf.where(finite, self.finite_steps + 1, 0)
        doubles = steps == self.STEPS
        scale = tf.where(finite, self.scale, self.scale / 2)
        replicas.assign(self.scale, tf.where(doubles, tf.minimum(2 * scale, self.LARGEST), scale))
        replicas.assign(self.finite_steps, steps % self.STEPS)

    def state(self) -> dict[str, tf.Variable]:
        """Return its variables by name."""
        return dict(zip(self.NAMES, (self.scale, self.finite_steps), strict=True))
