"""Both networks, their optimizers and one training iteration: the arithmetic of the original's train() (model.py)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
import tensorflow as tf

from dcgan_tf import latents, losses, replicas
from dcgan_tf.augment import augment, sample_augmentations
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.optimizer import Adam, LossScale
from dcgan_tf.pixels import to_float
from dcgan_tf.settings.config import Config
from dcgan_tf.xla_step import XlaStep

Values = dict[str, tf.Tensor]
Step = Callable[..., Values]


class DCGAN:
    """Everything that training changes, and so everything that a checkpoint stores.

    Create it inside `strategy.scope()` of the strategy that trains it. From the outside in, a training calls
    `compiled` (K iterations), `iteration` (all replicas: random numbers and the learning rate), `on_replica` (its shard
    of a batch, uint8 to float), and `update`: D once, then G, which is the DCGAN.
    """

    def __init__(self, config: Config, lr_decay: tuple[int, int] | None = None):
        """Args: lr_decay: the first and the last iteration in which the learning rate goes down to 0 in a line."""
        self.config = config
        self.lr_decay = lr_decay
        self.strategy = tf.distribute.get_strategy()
        self.replica_count = self.strategy.num_replicas_in_sync
        synchronized = config.sync_bn and self.replica_count > 1
        self.compiles = use_xla(config.xla)
        batch_norm = {"synchronized": synchronized, "fused": not (synchronized or self.compiles)}
        self.generator = build_generator(config, config.precision, **batch_norm)
        self.discriminator = build_discriminator(config, config.precision, **batch_norm)
        self.g_ema = None
        if config.g_ema:
            self.g_ema = build_generator(config, config.precision)
        self.learning_rate = tf.Variable(config.learning_rate, trainable=False)
        self.g_optimizer = Adam(self.generator.trainable_variables, self.learning_rate, config.beta1)
        self.d_optimizer = Adam(self.discriminator.trainable_variables, self.learning_rate, config.beta1)
        self.loss_scale = None
        if config.precision == "float16":
            self.loss_scale = LossScale()
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)  # trained so far
        self.draw_ahead: Callable[[int], Values] | None = None  # with XLA: what a call takes that begins so

    def update(
        self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, augmentations: tf.Tensor | None = None
    ) -> Values:
        """Update D once, then G g_steps times (2 in the original), all with the same z and labels.

        Args:
          images: real images, float32 [B, H, W, C] in config.value_range.
          labels: one-hot float32 [B, Y]; Y is 0 without labels.
          z: float32 [B, Z].
          augmentations: with config.augment, the random numbers of `draw`, [B, passes, 7 or 8].
        Returns: d_loss and its parts, g_loss_1, g_loss_2, ... (each before its own update), g_loss (the last of these),
          G's images, D's logits, and the gradients. A tf.function computes only those that are used.
        """
        out: Values = {}
        numbers = itertools.repeat(None)  # of each pass of D
        if augmentations is not None:
            numbers = iter(tf.unstack(augmentations, axis=1))
        # One pass G(z) serves the D update and the first G update, because G does not change between them.
        with tf.GradientTape() as g_tape:
            out["G"] = self.generator(z, labels, training=True)
            with tf.GradientTape() as d_tape:
                out["D_real_logits"] = self.discriminate(images, labels, next(numbers))
                out["D_fake_logits"] = self.discriminate(tf.stop_gradient(out["G"]), labels, next(numbers))
                d_losses = {  # D minimizes their sum; a penalty is one more
                    "d_loss_real": losses.d_loss_real(out["D_real_logits"]),
                    "d_loss_fake": losses.d_loss_fake(out["D_fake_logits"]),
                }
                d_losses["d_loss"] = tf.add_n(list(d_losses.values()))
            out["grad_D"] = self.minimize(d_losses["d_loss"], d_tape, self.discriminator, self.d_optimizer)
            logits = self.discriminate(out["G"], labels, next(numbers))
            g_losses = {"g_loss_1": losses.g_loss(logits)}
        out["grad_G1"] = self.minimize(g_losses["g_loss_1"], g_tape, self.generator, self.g_optimizer)
        for n in range(2, self.config.g_steps + 1):
            with tf.GradientTape() as g_tape:
                fake = self.generator(z, labels, training=True)
                logits = self.discriminate(fake, labels, next(numbers))
                g_losses[f"g_loss_{n}"] = losses.g_loss(logits)
            out[f"grad_G{n}"] = self.minimize(g_losses[f"g_loss_{n}"], g_tape, self.generator, self.g_optimizer)
        out |= self.sync_replicas(d_losses | g_losses)
        self.update_ema()
        return out | {"g_loss": out[f"g_loss_{self.config.g_steps}"]}

    def discriminate(self, images: tf.Tensor, labels: tf.Tensor, numbers: tf.Tensor | None) -> tf.Tensor:
        """Return D's logits [B, 1], in a pass that moves its batch-norm averages.

        Args: numbers: with config.augment, the random numbers [B, 7 or 8] by which D sees the images changed.
        """
        config = self.config
        if numbers is not None:
            images = augment(images, numbers, config.augmentations, config.value_range, config.augment_p)
        return self.discriminator(images, labels, training=True)

    @property
    def passes(self) -> int:
        """How many times D sees a batch in an iteration: real, fake, and fake in each G update."""
        return 2 + self.config.g_steps

    def minimize(
        self, loss: tf.Tensor, tape: tf.GradientTape, network: keras.Model, optimizer: Adam
    ) -> list[tf.Tensor]:
        """Update a network once to lower the loss and config.weight_decay of its L2 term, which no loss has.

        Returns: the gradients of both, averaged over the replicas.
        """
        weights = [variable.value for variable in network.trainable_variables]
        scale = None
        if self.loss_scale:
            scale = tf.identity(self.loss_scale.scale)
        gradients = replicas.mean(tape.gradient(loss, weights, output_gradients=scale))
        if scale is not None:
            gradients = [gradient / scale for gradient in gradients]
        decay = self.config.weight_decay
        if decay:
            # The gradient of decay / 2 * sum(weight^2), which has no part for biases and batch norm.
            for i, variable in enumerate(network.trainable_variables):
                if is_kernel(variable):
                    gradients[i] += decay * weights[i]
        if self.loss_scale:
            self.loss_scale.apply(optimizer, gradients, weights)
        else:
            optimizer.apply(gradients, weights)
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

    def update_ema(self) -> None:
        """Move the EMA of G's variables, if there is one.

        Its decay grows from 2/11 to config.g_ema, to forget the initial weights.
        """
        if not self.g_ema:
            return
        done = tf.cast(self.iterations, tf.float32)
        decay = tf.minimum(self.config.g_ema, (1 + done) / (10 + done))
        for ema, variable in zip(self.g_ema.variables, self.generator.variables, strict=True):
            replicas.assign(ema.value, ema.value - (ema.value - variable.value) * (1 - decay))

    def compiled(self) -> Step:
        """Return one compiled function that trains K iterations. Its results equal those of K calls.

        It is traced once, for all K. It writes no files: what is logged is returned as tensors.

        Returns: a function of uint8 images [K, B, H, W, C] and int32 labels [K, B], and with XLA, if they are there, of
          what `draw_ahead` has drawn for them. It returns the logged values of the last iteration as float32: losses,
          which are scalars, z, and, from this worker's first device only, d and d_ (D's outputs for real and fake
          images) and G (if logged).
        """
        if self.compiles:
            step = XlaStep(self, steps_per_call(self.config.steps_per_call))
            self.draw_ahead = step.draw
            return step
        types = dict.fromkeys(("z", *self.logged_names()), tf.float32)
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
        self.iterations.assign_add(1)
        iteration = self.iterations.read_value()
        for rate in self.rate(iteration).values():
            self.learning_rate.assign(rate)
        draws = self.draw(iteration)
        out = self.strategy.run(self.on_replica, (*batch, draws))
        logged = {name: self.strategy.experimental_local_results(value)[0] for name, value in out.items()}
        return logged | {"z": draws["z"]}

    def rate(self, iteration: tf.Tensor) -> Values:
        """Return the learning rate of an iteration by its name; nothing if it is always the same."""
        if not self.lr_decay:
            return {}
        first, last = self.lr_decay
        left = tf.cast(last + 1 - iteration, tf.float32) / (last + 1 - first)
        return {"learning_rate": self.config.learning_rate * tf.clip_by_value(left, 0, 1)}

    def draw(self, iteration: tf.Tensor) -> Values:
        """Draw all random numbers of an iteration, for the whole batch: the arguments of `update` by name.

        It is outside on_replica, because XLA draws other random numbers than TensorFlow.
        """
        config = self.config
        shape = (config.batch_size, config.z_dim)
        draws = {"z": latents.sample_z(config.z_dist, config.seed, iteration, shape)}
        if config.augment:
            draws["augmentations"] = sample_augmentations(
                config.seed, iteration, config.batch_size, self.passes, config.augment_p
            )
        return draws

    def on_replica(self, images: tf.Tensor, labels: tf.Tensor, draws: Values) -> Values:
        """Train one iteration on one replica: take its shard of each tensor. Returns what is logged, except z."""
        config = self.config
        size = config.batch_size // self.replica_count
        images = to_float(replicas.shard(images, size), config.value_range)
        labels = tf.one_hot(replicas.shard(labels, size), config.y_dim)
        shards = {name: replicas.shard(value, size) for name, value in draws.items()}
        out = self.update(images, labels, **shards)
        out |= {"d": tf.sigmoid(out["D_real_logits"]), "d_": tf.sigmoid(out["D_fake_logits"])}
        return {name: tf.cast(out[name], tf.float32) for name in self.logged_names()}

    def logged_names(self) -> tuple[str, ...]:
        """Return the names in on_replica's results; every scalar gets a curve."""
        names = (*losses.LOSSES, "d", "d_")
        if self.config.G_img_sum:
            return (*names, "G")
        return names

    @property
    def sampler(self) -> keras.Model:
        """The generator that makes the samples: the EMA of the generator if there is one."""
        return self.g_ema or self.generator

    @property
    def iterations_done(self) -> int:
        """The number of iterations trained so far."""
        return int(self.iterations.numpy())

    def not_finite(self) -> list[str]:
        """Return the names of the networks' variables that have a value which is not finite."""
        variables = (*self.generator.variables, *self.discriminator.variables)
        return [v.path for v, finite in zip(variables, self._are_finite().numpy(), strict=True) if not finite]

    @tf.function(autograph=False)
    def _are_finite(self) -> tf.Tensor:
        """Return whether each variable is finite, bool [V]: decided on the device, and copied from it at once."""
        variables = (*self.generator.variables, *self.discriminator.variables)
        return tf.stack([tf.reduce_all(tf.math.is_finite(variable.value)) for variable in variables])

    def state(self) -> dict[str, tf.Variable]:
        """Return every variable by its name in a checkpoint; the networks' names are the original's."""
        state = {v.path: v.value for network in (self.generator, self.discriminator) for v in network.variables}
        if self.g_ema:
            state |= ema_variables(self.g_ema)
        for name, optimizer in (("g_adam", self.g_optimizer), ("d_adam", self.d_optimizer)):
            state |= {f"{name}/{key}": variable for key, variable in optimizer.state().items()}
        if self.loss_scale:
            state |= self.loss_scale.state()
        return state | {"iteration": self.iterations}


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
