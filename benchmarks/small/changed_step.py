"""The train step of dcgan_tf/model.py with the changes of ideas.py. It is for measurements only."""

from __future__ import annotations

import argparse
import math
from functools import partial
from typing import Any
from unittest import mock

import keras
import tensorflow as tf

from dcgan_tf import losses, model, networks
from dcgan_tf.layers import BatchNorm
from dcgan_tf.model import DCGAN, Values
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.training import loop

Numbers = list[tf.Tensor | None]


def install(changes: argparse.Namespace) -> None:
    """Let the program of this process train with the changes."""
    ChangedDCGAN.changes = changes
    loop.DCGAN = ChangedDCGAN
    if changes.r1:
        model.build_discriminator = build_without_batch_norm
    if changes.freeze_d:
        model.build_discriminator = partial(build_frozen, changes.freeze_d)
    if changes.dropout:
        networks.flatten = lambda x: tf.nn.dropout(tf.reshape(x, [-1, math.prod(x.shape[1:])]), changes.dropout)


class ChangedDCGAN(DCGAN):
    """The DCGAN with the changes."""

    changes: argparse.Namespace

    def __init__(self, config: Config):
        super().__init__(config)
        if self.changes.g_rate != 1:
            if config.lr_decay_epochs:
                raise UserError("--g_rate keeps its rate; leave out --lr_decay_epochs.")
            self.g_optimizer.learning_rate = tf.Variable(config.learning_rate * self.changes.g_rate, trainable=False)

    @property
    def passes(self) -> int:
        return super().passes + bool(self.changes.consistency)

    def update(self, images: tf.Tensor, labels: tf.Tensor, z: tf.Tensor, numbers: tf.Tensor | None = None) -> Values:
        out: Values = {}
        d_weights = [v.value for v in self.discriminator.trainable_variables]
        g_weights = [v.value for v in self.generator.trainable_variables]
        of_pass = self._numbers_of_each_pass(numbers)
        with tf.GradientTape() as g_tape:
            out["G"] = self.generator(z, labels, training=True)
            with tf.GradientTape() as d_tape:
                out["D_real_logits"] = self.discriminate(images, labels, of_pass[0])
                out["D_fake_logits"] = self.discriminate(tf.stop_gradient(out["G"]), labels, of_pass[1])
                out |= self.d_losses(out["D_real_logits"], out["D_fake_logits"])
                out["d_loss"] = out["d_loss_real"] + out["d_loss_fake"]
                penalized = out["d_loss"] + self.penalty(images, labels, out["D_real_logits"], of_pass)
            self.d_optimizer.apply(self.gradients(d_tape, penalized, self.discriminator), d_weights)
            out["g_loss"] = self.g_loss(out["G"], images, labels, of_pass[2], of_pass[0])
        self.g_optimizer.apply(self.gradients(g_tape, out["g_loss"], self.generator), g_weights)
        for n in range(2, self.config.g_steps + 1):
            with tf.GradientTape() as g_tape:
                fake = self.generator(z, labels, training=True)
                out["g_loss"] = self.g_loss(fake, images, labels, of_pass[n + 1], of_pass[0])
            self.g_optimizer.apply(self.gradients(g_tape, out["g_loss"], self.generator), g_weights)
        out |= self.sync_replicas({name: value for name, value in out.items() if "loss" in name})
        if self.g_ema:
            self.update_ema(self.g_ema)
        return out

    def d_losses(self, real: tf.Tensor, fake: tf.Tensor) -> Values:
        """Return both parts of D's loss. Relativistic: of each pair, D tells which is real (Huang et al. 2024)."""
        if not self.changes.relativistic:
            return {"d_loss_real": losses.d_loss_real(real), "d_loss_fake": losses.d_loss_fake(fake)}
        half = losses.d_loss_real(real - fake) / 2
        return {"d_loss_real": half, "d_loss_fake": half}

    def g_loss(
        self,
        fake: tf.Tensor,
        images: tf.Tensor,
        labels: tf.Tensor,
        numbers: tf.Tensor | None,
        real_numbers: tf.Tensor | None,
    ) -> tf.Tensor:
        logits = self.discriminate(fake, labels, numbers)
        if self.changes.relativistic:
            logits -= self.discriminate(images, labels, real_numbers)
        return losses.g_loss(logits)

    def penalty(self, images: tf.Tensor, labels: tf.Tensor, real_logits: tf.Tensor, of_pass: Numbers) -> Any:
        """Return what is added to D's loss."""
        total = 0.0
        if self.changes.consistency:  # Zhang et al. 2020
            again = self.discriminate(images, labels, of_pass[-1])
            difference = tf.cast(real_logits, tf.float32) - tf.cast(again, tf.float32)
            total += self.changes.consistency * tf.reduce_mean(tf.square(difference))
        if self.changes.r1:  # Mescheder et al. 2018, on a quarter of the batch, through the augmentation
            some = images[: images.shape[0] // 4]
            count = some.shape[0]
            numbers = of_pass[0]
            if numbers is not None:
                numbers = numbers[:count]
            with tf.GradientTape() as tape:
                tape.watch(some)
                logits = tf.reduce_sum(self.discriminate(some, labels[:count], numbers))
            gradient = tf.cast(tape.gradient(logits, some), tf.float32)
            total += self.changes.r1 / 2 * tf.reduce_mean(tf.reduce_sum(tf.square(gradient), [1, 2, 3]))
        return total


class Unchanged(BatchNorm):
    """Stands for batch norm and does nothing."""

    def build(self, shape):
        pass

    def call(self, x, labels=None, *, training):
        return x


def build_without_batch_norm(config: Config, precision: str = "float32", **batch_norm: bool) -> keras.Model:
    """Build D without batch norm. Its kernels begin as large as its activations need (He et al. 2015)."""
    check_stages(config)
    with mock.patch.object(networks, "BatchNorm", Unchanged):
        network = networks.build_discriminator(config, precision, **batch_norm)
    for conv in network.convs:
        wanted = math.sqrt(2 / math.prod(conv.w.shape[:3]))
        conv.w.assign(conv.w * (wanted / 0.02))
    return network


def build_frozen(stages: int, config: Config, precision: str = "float32", **batch_norm: bool) -> keras.Model:
    """Build D, of which the first stages keep their weights (Mo et al. 2020)."""
    check_stages(config)
    network = networks.build_discriminator(config, precision, **batch_norm)
    for layer in (*network.convs[:stages], *network.norms[: stages - 1]):
        layer.trainable = False
    return network


def check_stages(config: Config) -> None:
    """Raise UserError for MNIST's networks, which have no stages."""
    if config.has_mnist_networks:
        raise UserError("--r1 and --freeze_d are not for MNIST's networks; add --stages auto.")
