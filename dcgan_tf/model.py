"""Both networks, their optimisers and one training iteration: the arithmetic of the original's train() (model.py)."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dcgan_tf import latents, losses, replica_ops
from dcgan_tf.config import Config
from dcgan_tf.layers import BatchNorm
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.optimizer import Adam
from dcgan_tf.value_range import to_float

Step = Callable[[np.ndarray, np.ndarray], dict[str, tf.Tensor]]


class DCGAN:
    """All that training changes, and so all that a checkpoint holds."""

    def __init__(self, config: Config):
        self.generator = build_generator(config, config.precision)
        self.discriminator = build_discriminator(config, config.precision)
        self.devices = tf.distribute.get_strategy().num_replicas_in_sync
        synchronized = config.sync_bn and self.devices > 1
        for layer in (*self.generator.layers, *self.discriminator.layers):
            if isinstance(layer, BatchNorm):
                layer.synchronized, layer.fused = synchronized, not (synchronized or use_xla(config.xla))
        self.g_steps = config.g_steps
        self.g_ema, self.average = config.g_ema, build_generator(config, config.precision) if config.g_ema else None
        self.g_optimizer = Adam(self.generator.trainable_variables, config.learning_rate, config.beta1)
        self.d_optimizer = Adam(self.discriminator.trainable_variables, config.learning_rate, config.beta1)
        # Gradients of a mean loss underflow in float16; a power of two scales them exactly, and weights stay float32.
        self.loss_scale = 1024.0 if config.precision == "float16" else 1.0
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)

    @property
    def sampler(self) -> keras.Model:
        """The generator that makes pictures: the averaged one if there is an average."""
        return self.average or self.generator

    def state(self) -> dict[str, tf.Variable]:
        """Every variable by name, the networks' by the original's: what a checkpoint holds."""
        state = {v.path: v.value for network in (self.generator, self.discriminator) for v in network.variables}
        state |= g_ema_state(self.average) if self.average else {}
        for name, optimizer in (("g_adam", self.g_optimizer), ("d_adam", self.d_optimizer)):
            state |= {f"{name}/{key}": variable for key, variable in optimizer.state().items()}
        return state | {"iteration": self.iteration}

    def train_step(self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor) -> dict[str, tf.Tensor | list[tf.Tensor]]:
        """One D update, then g_steps (2) G updates, all with the same z and labels.

        G does not change between the D update and the first G update, so one pass G(z) serves both.

        Args:
          images: real pictures, float32 [B, H, W, C] in the run's range.
          labels: one-hot float32 [B, Y]; Y is 0 without labels.
          z: float32 [B, Z].
        Returns: the losses before the update that each one drives (d_loss, d_loss_real, d_loss_fake, g_loss_1,
          g_loss_2 ..., and g_loss, the last of them), G's pictures, D's logits and the gradients. A tf.function around
          this leaves out what is not used.
        """
        out: dict[str, tf.Tensor | list[tf.Tensor]] = {}
        d_weights = [v.value for v in self.discriminator.trainable_variables]
        g_weights = [v.value for v in self.generator.trainable_variables]
        with tf.GradientTape() as g_tape:
            out["G"] = self.generator(z, labels, training=True)
            with tf.GradientTape() as d_tape:
                out["D_real_logits"] = self.discriminator(images, labels, training=True)
                out["D_fake_logits"] = self.discriminator(tf.stop_gradient(out["G"]), labels, training=True)
                out["d_loss_real"] = losses.d_loss_real(out["D_real_logits"])
                out["d_loss_fake"] = losses.d_loss_fake(out["D_fake_logits"])
                out["d_loss"] = out["d_loss_real"] + out["d_loss_fake"]
            out["grad_D"] = self.gradients(d_tape, out["d_loss"], d_weights)
            self.d_optimizer.apply(out["grad_D"], d_weights)
            out["g_loss_1"] = losses.g_loss(self.discriminator(out["G"], labels, training=True))
        out["grad_G1"] = self.gradients(g_tape, out["g_loss_1"], g_weights)
        self.g_optimizer.apply(out["grad_G1"], g_weights)
        for n in range(2, self.g_steps + 1):
            with tf.GradientTape() as g_tape:
                fake = self.generator(z, labels, training=True)
                out[f"g_loss_{n}"] = losses.g_loss(self.discriminator(fake, labels, training=True))
            out[f"grad_G{n}"] = self.gradients(g_tape, out[f"g_loss_{n}"], g_weights)
            self.g_optimizer.apply(out[f"grad_G{n}"], g_weights)
        out |= self.sync_replicas({name: value for name, value in out.items() if "loss" in name})
        if self.average:
            self.update_ema()
        return out | {"g_loss": out[f"g_loss_{self.g_steps}"]}

    def update_ema(self) -> None:
        """The average of G's variables one step on; its decay grows from 0.1 to g_ema, or it would keep the noise."""
        done = tf.cast(self.iteration, tf.float32)
        decay = tf.minimum(self.g_ema, (1 + done) / (10 + done))
        for average, variable in zip(self.average.variables, self.generator.variables, strict=True):
            replica_ops.assign(average.value, average.value - (average.value - variable.value) * (1 - decay))

    def sync_replicas(self, losses: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The means of the losses over the replicas; the batch-norm averages, each moved by its own, become theirs."""
        averages = [v.value for net in (self.generator, self.discriminator) for v in net.non_trainable_variables]
        losses, means = replica_ops.mean((losses, [tf.identity(average) for average in averages]))
        for average, now in zip(averages, means, strict=True):
            replica_ops.assign(average, now)
        return losses

    def gradients(self, tape: tf.GradientTape, loss: tf.Tensor, weights: list[tf.Variable]) -> list[tf.Tensor]:
        """The gradients of the mean loss over the replicas, scaled on their way through the networks."""
        gradients = replica_ops.mean(tape.gradient(loss, weights, output_gradients=tf.constant(self.loss_scale)))
        return gradients if self.loss_scale == 1 else [g / self.loss_scale for g in gradients]

    def make_step(self, config: Config) -> Step:
        """The compiled train step: K iterations in one call, with the results of K calls.

        It is traced once, whatever K is from call to call, and it writes nothing: what is logged leaves it as tensors.

        Returns: a function of uint8 pictures [K, B, H, W, C] and int32 labels [K, B], of which a worker among several
          gives its rows alone. It gives what is logged of the last iteration, all float32: the scalars d_loss,
          d_loss_real, d_loss_fake, g_loss, z, and of this worker's first device d, d_ (and G).
        """
        names = (*losses.LOSSES, "z", "d", "d_") + ("G",) * config.G_img_sum
        strategy = tf.distribute.get_strategy()
        size = config.batch_size // self.devices

        def replica_step(images: tf.Tensor, labels: tf.Tensor, iteration: tf.Tensor) -> dict[str, tf.Tensor]:
            z = latents.sample_z(config.z_dist, config.seed, iteration, (config.batch_size, config.z_dim))
            pictures, classes, own_z = (replica_ops.shard(x, size) for x in (images, labels, z))
            out = self.train_step(to_float(pictures, config.value_range), tf.one_hot(classes, config.y_dim), own_z)
            out |= {"z": z, "d": tf.sigmoid(out["D_real_logits"]), "d_": tf.sigmoid(out["D_fake_logits"])}
            return {name: tf.cast(out[name], tf.float32) for name in names}

        compiled = tf.function(replica_step, jit_compile=True, autograph=False) if use_xla(config.xla) else replica_step

        def iteration(batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
            self.iteration.assign_add(1)
            out = strategy.run(compiled, (*batch, self.iteration.read_value()))
            return {name: strategy.experimental_local_results(value)[0] for name, value in out.items()}

        pictures = (config.output_height, config.output_width, config.c_dim)

        batches = [tf.TensorSpec([None, None, *pictures], tf.uint8), tf.TensorSpec([None, None], tf.int32)]

        @tf.function(input_signature=batches, autograph=False)  # which would double the time to trace, for nothing
        def step(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
            kinds = dict.fromkeys(names, tf.float32)
            logged = tf.map_fn(iteration, (images, labels), fn_output_signature=kinds, parallel_iterations=1)
            return {name: values[-1] for name, values in logged.items()}

        return step


def g_ema_state(average: keras.Model) -> dict[str, tf.Variable]:
    """The averaged generator's variables, under the names that checkpoints give them."""
    return {f"g_ema/{v.path}": v.value for v in average.variables}


def steps_per_call(config: Config) -> int:
    """Iterations in one call, unless something between them must be written: a GPU should not wait for Python."""
    return config.steps_per_call or (10 if tf.config.list_physical_devices("GPU") else 1)


def use_xla(setting: str) -> bool:
    """Whether to compile: auto is on exactly where TensorFlow sees a GPU (XLA's CPU convolutions are far slower)."""
    return setting == "on" or (setting == "auto" and bool(tf.config.list_physical_devices("GPU")))
