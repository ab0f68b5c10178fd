"""Save and restore: the whole training state, or the generator alone."""

from __future__ import annotations

import keras
import tensorflow as tf

from dcgan_tf import original
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.model import DCGAN
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.runs import Run


class Checkpoints:
    """The run's checkpoints of both networks, both optimisers and the iteration."""

    def __init__(self, model: DCGAN, run: Run, max_to_keep: int):
        self.model, self.run = model, run
        # By name: a Keras model's lists of layers are not seen by tf.train.Checkpoint, which would leave them out.
        self.checkpoint = tf.train.Checkpoint(**model.state())
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(run.checkpoints), max_to_keep, checkpoint_name="model"
        )

    def save(self) -> str:
        """Save under the present iteration; returns the path. What is there already is not written again."""
        path = str(self.run.checkpoints / f"model-{int(self.model.iteration)}")
        return path if path == self.manager.latest_checkpoint else self.manager.save(int(self.model.iteration))

    def restore(self) -> str:
        """Restore the newest checkpoint; returns its path. Raises UserError."""
        return _restore(self.checkpoint, self.run)


def load_generator(run: Run, config: Config) -> tuple[keras.Model, str]:
    """The run's trained generator, and the path of the checkpoint it came from. Raises UserError."""
    generator = build_generator(config)
    return generator, _load(run, generator)


def load_discriminator(run: Run, config: Config) -> tuple[keras.Model, str]:
    """The run's trained discriminator, and the path of the checkpoint it came from. Raises UserError."""
    discriminator = build_discriminator(config)
    return discriminator, _load(run, discriminator)


def _load(run: Run, network: keras.Model) -> str:
    if run.original:
        return original.assign(run.original, network)
    return _restore(tf.train.Checkpoint(**{v.path: v.value for v in network.variables}), run)


def _restore(checkpoint: tf.train.Checkpoint, run: Run) -> str:
    path = tf.train.latest_checkpoint(str(run.checkpoints))
    if path is None:
        raise UserError(f"The run {run.name} has no checkpoint in {run.checkpoints}; train it with --train first.")
    try:
        checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
    except (ValueError, AssertionError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise UserError(
            f"The checkpoint {path} does not fit the sizes in {run.flags_file}, or is damaged ({reason}); train a new"
            " run, or name another with --out_name."
        ) from error
    return path
