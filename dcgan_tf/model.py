"""Both networks, their optimizers and one training iteration: the arithmetic of the original's train() (model.py)."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf import latents, losses, replicas
from dcgan_tf.augment import augment, sample_augmentations
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.optimizer import Adam
from dcgan_tf.pixels import to_float
from dcgan_tf.settings.config import Config

Step = Callable[[np.ndarray, np.ndarray], dict[str, tf.Tensor]]
Values = dict[str, tf.Tensor]


class DCGAN:
    """Everything that training changes, and so everything that a checkpoint stores.

    Create it inside `strategy.scope()` of the strategy that trains it. From the outside in, a training calls
    `compiled` (K iterations), `iteration` (all replicas: z and the learning rate), `on_replica` (its shard of a batch,
    uint8 to float), and `update`: D once, then G, which is the DCGAN.
    """

    def __init__(self, config: Config):
        self.config = config
        self.strategy = tf.distribute.get_strategy()
        self.replicas = self.strategy.num_replicas_in_sync
        synchronized = config.sync_bn and self.replicas > 1
        batch_norm = {"synchronized": synchronized, "fused": not (synchronized or use_xla(config.xla))}
        self.generator = build_generator(config, config.precision, **batch_norm)
        self.discriminator = build_discriminator(config, config.precision, **batch_norm)
        self.g_ema = None
        if config.g_ema:
            self.g_ema = build_generator(config, config.precision)
        # With config.lr_decay_epochs, each iteration sets it.
        self.learning_rate = tf.Variable(config.learning_rate, trainable=False)
        self.g_optimizer = Adam(self.generator.trainable_variables, self.learning_rate, config.beta1)
        self.d_optimizer = Adam(self.discriminator.trainable_variables, self.learning_rate, config.beta1)
        # Gradients underflow in float16, so the loss is multiplied by a power of two, and the gradients divided by it.
        self.loss_scale = 1.0
        if config.precision == "float16":
            self.loss_scale = 1024.0
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)  # trained so far
        self.lr_decay: tuple[int, int] | None = None
        self._run_on_replica = self.on_replica
        if use_xla(config.xla):
            self._run_on_replica = tf.function(self.on_replica, jit_compile=True, autograph=False)

    def update(self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, numbers: tf.Tensor | None = None) -> Values:
        """Update D once, then G g_steps times (2 in the original), all with the same z and labels.

        Args:
          images: real images, float32 [B, H, W, C] in config.value_range.
          labels: one-hot float32 [B, Y]; Y is 0 without labels.
          z: float32 [B, Z].
          numbers: for config.augment, those of `sample_augmentations`, [B, P, 7 or 8] in [0, 1); P counts what D sees:
            real, fake, and fake in each G update.
        Returns: d_loss, d_loss_real, d_loss_fake, g_loss_1, g_loss_2, ... (each before its own update), g_loss (the
          last of these), G's images, D's logits, and the gradients. A tf.function computes only those that are used.
        """
        out: Values = {}
        d_weights = [v.value for v in self.discriminator.trainable_variables]
        g_weights = [v.value for v in self.generator.trainable_variables]
        of_pass = self._numbers_of_each_pass(numbers)
        # One pass G(z) serves the D update and the first G update, because G does not change between them.
        with tf.GradientTape() as g_tape:
            out["G"] = self.generator(z, labels, training=True)
            with tf.GradientTape() as d_tape:
                out["D_real_logits"] = self.discriminate(images, labels, of_pass[0])
                out["D_fake_logits"] = self.discriminate(tf.stop_gradient(out["G"]), labels, of_pass[1])
                out["d_loss_real"] = losses.d_loss_real(out["D_real_logits"])
                out["d_loss_fake"] = losses.d_loss_fake(out["D_fake_logits"])
                out["d_loss"] = out["d_loss_real"] + out["d_loss_fake"]
            out["grad_D"] = self.gradients(d_tape, out["d_loss"], self.discriminator)
            self.d_optimizer.apply(out["grad_D"], d_weights)
            out["g_loss_1"] = losses.g_loss(self.discriminate(out["G"], labels, of_pass[2]))
        out["grad_G1"] = self.gradients(g_tape, out["g_loss_1"], self.generator)
        self.g_optimizer.apply(out["grad_G1"], g_weights)
        for n in range(2, self.config.g_steps + 1):
            with tf.GradientTape() as g_tape:
                fake = self.generator(z, labels, training=True)
                out[f"g_loss_{n}"] = losses.g_loss(self.discriminate(fake, labels, of_pass[n + 1]))
            out[f"grad_G{n}"] = self.gradients(g_tape, out[f"g_loss_{n}"], self.generator)
            self.g_optimizer.apply(out[f"grad_G{n}"], g_weights)
        out |= self.sync_replicas({name: value for name, value in out.items() if "loss" in name})
        if self.g_ema:
            self.update_ema(self.g_ema)
        return out | {"g_loss": out[f"g_loss_{self.config.g_steps}"]}

    def discriminate(self, images: tf.Tensor, labels: tf.Tensor, numbers: tf.Tensor | None) -> tf.Tensor:
        """Return D's logits [B, 1]. With config.augment, D sees the images changed by the numbers [B, 7 or 8]."""
        config = self.config
        if numbers is not None:
            images = augment(images, numbers, config.augmentations, config.value_range, config.augment_p)
        return self.discriminator(images, labels, training=True)

    def gradients(self, tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model) -> list[tf.Tensor]:
        """Return the gradients of the loss, averaged over the replicas, with config.weight_decay of its L2 term."""
        weights = [variable.value for variable in network.trainable_variables]
        gradients = replicas.mean(tape.gradient(loss, weights, output_gradients=tf.constant(self.loss_scale)))
        if self.loss_scale != 1:
            gradients = [gradient / self.loss_scale for gradient in gradients]
        decay = self.config.weight_decay
        if decay:
            # The gradient of decay / 2 * sum(weight^2), which has no part for biases and batch norm.
            for i, variable in enumerate(network.trainable_variables):
                if is_kernel(variable):
                    gradients[i] += decay * weights[i]
        return gradients

    def sync_replicas(self, loss_values: Values) -> Values:
        """Average losses and moving batch-norm statistics over the replicas. Returns the losses."""
        moving = [v.value for net in (self.generator, self.discriminator) for v in net.non_trainable_variables]
        loss_values, means = replicas.mean((loss_values, [tf.identity(variable) for variable in moving]))
        for variable, mean in zip(moving, means, strict=True):
            replicas.assign(variable, mean)
        return loss_values

    def begin_ema(self) -> None:
        """Set the EMA of G's variables, if there is one, to the variables themselves."""
        if self.g_ema:
            for ema, variable in zip(self.g_ema.variables, self.generator.variables, strict=True):
                ema.assign(variable.value)

    def update_ema(self, g_ema: keras.Model) -> None:
        """Move the EMA of G's variables. Its decay grows from 0.1 to config.g_ema, to forget the initial weights."""
        done = tf.cast(self.iterations, tf.float32)
        decay = tf.minimum(self.config.g_ema, (1 + done) / (10 + done))
        for ema, variable in zip(g_ema.variables, self.generator.variables, strict=True):
            replicas.assign(ema.value, ema.value - (ema.value - variable.value) * (1 - decay))

    def compiled(self, lr_decay: tuple[int, int] | None = None) -> Step:
        """Return one compiled function that trains K iterations. Its results equal those of K calls.

        It is traced once, for all K. It writes no files: what is logged is returned as tensors.

        Args:
          lr_decay: the first and the last iteration in which the learning rate goes down to 0 in a straight line.
        Returns: a function of uint8 images [K, B, H, W, C] and int32 labels [K, B]. It
          returns the logged values of the last iteration as float32: d_loss, d_loss_real, d_loss_fake, g_loss, z, and,
          from this worker's first device only, d and d_ (D's outputs for real and fake images) and G (if logged).
        """
        self.lr_decay = lr_decay
        types = dict.fromkeys(self._logged_names(), tf.float32)
        signature = [
            tf.TensorSpec([None, None, *self.config.image_shape], tf.uint8),
            tf.TensorSpec([None, None], tf.int32),
        ]

        # Autograph would double the time to trace, and there is no Python control flow to convert.
        @tf.function(input_signature=signature, autograph=False)
        def iterations(images: tf.Tensor, labels: tf.Tensor) -> Values:
            logged = tf.map_fn(self.iteration, (images, labels), fn_output_signature=types, parallel_iterations=1)
            return {name: values[-1] for name, values in logged.items()}

        return iterations

    def iteration(self, batch: tuple[tf.Tensor, tf.Tensor]) -> Values:
        """Train one iteration on all replicas, on uint8 images [B, H, W, C] and int32 labels [B]."""
        config = self.config
        self.iterations.assign_add(1)
        number = self.iterations.read_value()
        if self.lr_decay:
            first, last = self.lr_decay
            left = tf.cast(last + 1 - number, tf.float32) / (last + 1 - first)
            self.learning_rate.assign(config.learning_rate * tf.clip_by_value(left, 0, 1))
        # Outside on_replica, because XLA draws other random numbers than TensorFlow.
        z = latents.sample_z(config.z_dist, config.seed, number, (config.batch_size, config.z_dim))
        numbers = None
        if config.augment:
            numbers = sample_augmentations(config.seed, number, config.batch_size, self.passes, config.augment_p)
        out = self.strategy.run(self._run_on_replica, (*batch, z, numbers))
        return {"z": z} | {name: self.strategy.experimental_local_results(value)[0] for name, value in out.items()}

    def on_replica(
        self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, numbers: tf.Tensor | None = None
    ) -> Values:
        """Train one iteration on one replica: take its shard of each tensor. Returns what is logged, except z."""
        config = self.config
        size = config.batch_size // self.replicas
        images = replicas.shard(images, size)
        labels = replicas.shard(labels, size)
        z = replicas.shard(z, size)
        if numbers is not None:
            numbers = replicas.shard(numbers, size)
        out = self.update(to_float(images, config.value_range), tf.one_hot(labels, config.y_dim), z, numbers)
        out |= {"d": tf.sigmoid(out["D_real_logits"]), "d_": tf.sigmoid(out["D_fake_logits"])}
        return {name: tf.cast(out[name], tf.float32) for name in self._logged_names() if name != "z"}

    @property
    def sampler(self) -> keras.Model:
        """The generator that makes the samples: the EMA of the generator if there is one."""
        return self.g_ema or self.generator

    @property
    def iterations_done(self) -> int:
        """The number of iterations trained so far."""
        return int(self.iterations.numpy())

    @property
    def passes(self) -> int:
        """How many times the discriminator sees a batch in an iteration."""
        return 2 + self.config.g_steps

    def state(self) -> dict[str, tf.Variable]:
        """Return every variable by its name in a checkpoint; the networks' names are the original's."""
        state = {v.path: v.value for network in (self.generator, self.discriminator) for v in network.variables}
        if self.g_ema:
            state |= ema_variables(self.g_ema)
        for name, optimizer in (("g_adam", self.g_optimizer), ("d_adam", self.d_optimizer)):
            state |= {f"{name}/{key}": variable for key, variable in optimizer.state().items()}
        return state | {"iteration": self.iterations}

    def _numbers_of_each_pass(self, numbers: tf.Tensor | None) -> list[tf.Tensor | None]:
        if numbers is None:
            return [None] * self.passes
        return tf.unstack(numbers, axis=1)

    def _logged_names(self) -> tuple[str, ...]:
        names = (*losses.LOSSES, "z", "d", "d_")
        if self.config.G_img_sum:
            return (*names, "G")
        return names


def is_kernel(variable: keras.Variable) -> bool:
    """Return whether it is a kernel: not a bias, and not a gamma or beta, which has a row for each class."""
    return len(variable.shape) > 1 and variable.path.rsplit("/", 1)[-1] not in ("gamma", "beta")


def ema_variables(g_ema: keras.Model) -> dict[str, tf.Variable]:
    """Return the variables of the generator's EMA by their names in a checkpoint."""
    return {f"g_ema/{v.path}": v.value for v in g_ema.variables}


def steps_per_call(steps: int | None) -> int:
    """Return how many iterations one call runs at most; None: 10 on a GPU, which should not wait for Python, else 1."""
    if steps:
        return steps
    if tf.config.get_visible_devices("GPU"):
        return 10
    return 1


def use_xla(setting: str) -> bool:
    """Return whether to compile with XLA. auto means: only with a GPU, because XLA's convolutions are slow on a CPU."""
    return setting == "on" or (setting == "auto" and bool(tf.config.get_visible_devices("GPU")))
