"""Both networks, their optimizers and one training iteration: the arithmetic of the original's train() (model.py)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

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
        """Build the networks, with the initial weights of config.seed, and their optimizers.

        Args: lr_decay: the first and the last iteration in which the learning rate goes down to 0 in a line.
        """
        self.config = config
        self.lr_decay = lr_decay
        self.strategy = tf.distribute.get_strategy()
        self.replica_count = self.strategy.num_replicas_in_sync
        self.shard_size = config.batch_size // self.replica_count
        synchronized = config.sync_bn and self.replica_count > 1
        # XLA's convolutions are slow on a CPU
        self.compiles = config.xla == "on" or (config.xla == "auto" and has_gpu())
        batch_norm = {"synchronized": synchronized, "fused": not (synchronized or self.compiles)}
        self.generator = build_generator(config, config.precision, **batch_norm)
        self.discriminator = build_discriminator(config, config.precision, **batch_norm)
        self.networks = (self.generator, self.discriminator)
        self.sampler = self.generator  # makes the samples; with g_ema by an average (EMA) of the generator's variables
        if config.g_ema:
            self.sampler = build_generator(config, config.precision)
        self.learning_rate = tf.Variable(config.learning_rate, trainable=False)
        self.loss_scale = None
        if config.precision == "float16":
            self.loss_scale = LossScale()
        settings = (self.learning_rate, config.beta1, config.weight_decay, self.loss_scale)
        self.g_optimizer = Adam(self.generator.trainable_variables, *settings)
        self.d_optimizer = Adam(self.discriminator.trainable_variables, *settings)
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)  # trained so far
        self.draw_ahead: Callable[[int], Values] | None = None  # with XLA: what a call takes that begins so

    def update(
        self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, augmentations: tf.Tensor | None = None
    ) -> Values:
        """Update D once, then G g_steps times (2 in the original), all with the same z and labels.

        With config.class_loss, D also minimizes a loss that is not in those that are returned.

        Args:
          images: real images, float32 [B, H, W, C] in config.value_range.
          labels: one-hot float32 [B, Y]; Y is 0 without labels.
          z: float32 [B, Z].
          augmentations: with config.augment, the random numbers of `draw`, [B, passes, 7 or 8].
        Returns: d_loss and its parts, g_loss_1, g_loss_2, ... (each before its own update), g_loss (the last of these),
          G's images, D's logits, and the gradients. A tf.function computes only those that are used.
        """
        numbers: Iterator[tf.Tensor | None] = itertools.repeat(None)  # of each pass of D
        if augmentations is not None:
            numbers = iter(tf.unstack(augmentations, axis=1))
        for n in range(1, self.config.g_steps + 1):
            with tf.GradientTape() as tape:
                fake = self.generator(z, labels, training=True)
                if n == 1:  # this pass serves both D and G, because G does not change between them
                    loss_values, out = self.update_d(images, fake, labels, numbers)
                    out["G"] = fake
                loss = losses.g_loss(self.discriminate(fake, labels, next(numbers))[:, :1])
            loss_values |= {f"g_loss_{n}": loss, "g_loss": loss}
            out[f"grad_G{n}"] = self.g_optimizer.minimize(loss, tape)
        out |= self.sync_replicas(loss_values)
        self.update_ema()
        return out

    def update_d(
        self, images: tf.Tensor, fake: tf.Tensor, labels: tf.Tensor, numbers: Iterator[tf.Tensor | None]
    ) -> tuple[Values, Values]:
        """Update D once on real and generated images. Returns: its losses; its logits and gradients."""
        with tf.GradientTape() as tape:
            real_output = self.discriminate(images, labels, next(numbers))
            fake_logits = self.discriminate(tf.stop_gradient(fake), labels, next(numbers))[:, :1]
            out = {"D_real_logits": real_output[:, :1], "D_fake_logits": fake_logits}
            loss_values = {  # D minimizes their sum; a penalty is one more
                "d_loss_real": losses.d_loss_real(out["D_real_logits"]),
                "d_loss_fake": losses.d_loss_fake(out["D_fake_logits"]),
            }
            loss = loss_values["d_loss"] = tf.add_n(list(loss_values.values()))
            if self.config.class_loss:
                loss += self.config.class_loss * losses.d_class_loss(real_output)
        out["grad_D"] = self.d_optimizer.minimize(loss, tape)
        return loss_values, out

    def discriminate(self, images: tf.Tensor, labels: tf.Tensor, numbers: tf.Tensor | None) -> tf.Tensor:
        """Return D's logits [B, 1], with config.class_loss [B, 2], in a pass that moves its batch-norm averages.

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

    def sync_replicas(self, loss_values: Values) -> Values:
        """Average losses and moving batch-norm statistics over the replicas, which each have seen their own shard.

        Returns: the losses, equal on all replicas.
        """
        moving = [v.value for net in self.networks for v in net.non_trainable_variables]
        loss_values, means = replicas.mean((loss_values, [tf.identity(variable) for variable in moving]))
        for variable, mean in zip(moving, means, strict=True):
            replicas.assign(variable, mean)
        return loss_values

    def update_ema(self) -> None:
        """Move the EMA of G's variables, if there is one.

        Its decay grows from 2/11 to config.g_ema, to forget the initial weights.
        """
        if not self.config.g_ema:
            return
        done = tf.cast(self.iterations, tf.float32)
        decay = tf.minimum(self.config.g_ema, (1 + done) / (10 + done))
        for ema, variable in zip(self.sampler.variables, self.generator.variables, strict=True):
            replicas.assign(ema.value, ema.value - (ema.value - variable.value) * (1 - decay))

    def compiled(self) -> Step:
        """Return a function that trains K iterations, compiled once for all K. Its results equal those of K calls.

        Returns: a function of uint8 images [K, B, H, W, C] and int32 labels [K, B], and with XLA, if they are there, of
          what `draw_ahead` has drawn for them. It returns the logged values of the last iteration as float32: losses,
          which are scalars, z, and, from this worker's first device only, d and d_ (D's outputs for real and fake
          images) and G (if logged).
        """
        if self.compiles:
            step = XlaStep(self)
            self.draw_ahead = step.draw
            return step
        types = dict.fromkeys(("z", *self.logged_shapes()), tf.float32)
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
        """Train one iteration on all replicas, on uint8 images [B, H, W, C] and int32 labels [B].

        Returns: what `on_replica` did on this worker's first device, and z of the whole batch.
        """
        self.iterations.assign_add(1)
        iteration = self.iterations.read_value()
        draws = self.draw(iteration)
        out = self.strategy.run(self.on_replica, (*batch, draws))
        return self.strategy.experimental_local_results(out)[0] | {"z": draws["z"]}

    def draw(self, iteration: tf.Tensor | int) -> Values:
        """Return what an iteration needs beside its batch: z, the numbers of augmentations, and a rate that changes.

        All random numbers are drawn here, because XLA draws other ones than TensorFlow.

        Args: iteration: 1, 2, ..., or 0 for the z of the sample sheets.
        Returns: z, float32 [B, Z]; with config.augment augmentations, [B, passes, 7 or 8]; with lr_decay learning_rate.
        """
        config = self.config
        shape = (config.batch_size, config.z_dim)
        draws = {"z": latents.sample_z(config.z_dist, config.seed, iteration, shape)}
        if config.augment:
            draws["augmentations"] = sample_augmentations(
                config.seed, iteration, config.batch_size, self.passes, config.augment_p
            )
        if self.lr_decay:
            first, last = self.lr_decay
            left = tf.cast(last + 1 - iteration, tf.float32) / (last + 1 - first)
            draws["learning_rate"] = config.learning_rate * tf.clip_by_value(left, 0, 1)
        return draws

    def on_replica(self, images: tf.Tensor, labels: tf.Tensor, draws: Values) -> Values:
        """Train one iteration on one replica: take its shard of each tensor. Returns what is logged, except z."""
        config = self.config
        if self.lr_decay:
            replicas.assign(self.learning_rate, draws.pop("learning_rate"))
        size = self.shard_size
        images = to_float(replicas.shard(images, size), config.value_range)
        labels = tf.one_hot(replicas.shard(labels, size), config.y_dim)
        shards = {name: replicas.shard(value, size) for name, value in draws.items()}
        out = self.update(images, labels, **shards)
        out |= {"d": tf.sigmoid(out["D_real_logits"]), "d_": tf.sigmoid(out["D_fake_logits"])}
        return {name: tf.cast(out[name], tf.float32) for name in self.logged_shapes()}

    def logged_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each of on_replica's results by its name; every scalar gets a curve."""
        size = self.shard_size
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(losses.LOSSES, ())
        shapes |= {"d": (size, 1), "d_": (size, 1)}
        if self.config.G_img_sum:
            shapes["G"] = (size, *self.config.image_shape)
        return shapes

    @property
    def steps_per_call(self) -> int:
        """How many iterations one call runs at most: by default 1, on a GPU, which should not wait for Python, 10."""
        if has_gpu():
            return self.config.steps_per_call or 10
        return self.config.steps_per_call or 1

    @property
    def iterations_done(self) -> int:
        """The number of iterations trained so far."""
        return int(self.iterations.numpy())

    def not_finite(self) -> list[str]:
        """Return the names of the networks' variables that have a value which is not finite."""
        return [v.path for net in self.networks for v in net.variables if not tf.reduce_all(tf.math.is_finite(v.value))]

    def state(self) -> dict[str, tf.Variable]:
        """Return every variable by its name in a checkpoint; the networks' names are the original's."""
        state = {v.path: v.value for network in self.networks for v in network.variables}
        if self.config.g_ema:
            state |= {f"g_ema/{v.path}": v.value for v in self.sampler.variables}
        for name, optimizer in (("g_adam", self.g_optimizer), ("d_adam", self.d_optimizer)):
            state |= {f"{name}/{key}": variable for key, variable in optimizer.state().items()}
        if self.loss_scale:
            state |= self.loss_scale.state()
        return state | {"iteration": self.iterations}


def has_gpu() -> bool:
    return bool(tf.config.get_visible_devices("GPU"))
