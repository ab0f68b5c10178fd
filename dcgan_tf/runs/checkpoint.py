"""Save and restore: the whole training state, or the generator alone."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import keras
import tensorflow as tf

from dcgan_tf.model import DCGAN, g_ema_state
from dcgan_tf.networks import build_discriminator, build_generator
from dcgan_tf.runs import original, pretrained
from dcgan_tf.runs.run import Run
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

# What TensorFlow raises if a checkpoint is damaged, incomplete, or of other sizes.
UNREADABLE = (ValueError, AssertionError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """The run's checkpoints: both networks, both optimizers, and the iteration."""

    def __init__(self, model: DCGAN, run: Run, max_to_keep: int):
        self.model, self.run = model, run
        # By name, because tf.train.Checkpoint does not find the layers that a Keras model keeps in lists.
        self.checkpoint = tf.train.Checkpoint(**model.state())
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(run.checkpoint_dir), max_to_keep, checkpoint_name="model"
        )

    def save(self) -> str:
        """Save the checkpoint of this iteration, if it is not saved yet. Returns its path.

        TensorFlow writes temporary files, renames them, and only then names them in the index file `checkpoint`.
        Raises UserError if it cannot be written; the previous checkpoint stays.
        """
        iteration = self.model.iterations_done
        previous = self.manager.latest_checkpoint
        if previous == str(self.run.checkpoint_dir / f"model-{iteration}"):
            return previous
        try:
            return self.manager.save(iteration)
        except (OSError, tf.errors.OpError) as error:
            self.remove_unlisted()
            raise UserError(
                f"The checkpoint of iteration {iteration} could not be written to {self.run.checkpoint_dir}"
                f" ({reason(error)}); make room on that disk, then continue with --resume from"
                f" {f'{previous}, which is complete' if previous else 'the beginning'}."
            ) from error

    def restore(self) -> str | None:
        """Restore the newest checkpoint that can be read, and remove files that a killed training left incomplete.

        Returns its path, or None if no checkpoint was saved yet. Raises UserError if none can be read.
        """
        if not _newest_first(self.run):
            return None
        path = _restore(self.checkpoint, self.run)
        self.remove_unlisted()
        return path

    def remove_unlisted(self) -> None:
        """Remove all checkpoint files that the index file does not name."""
        listed = {Path(path).name for path in self.manager.checkpoints}
        for file in self.run.checkpoint_dir.glob("model-*"):
            if file.name.split(".")[0] not in listed:
                shutil.rmtree(file) if file.is_dir() else file.unlink()


def iteration_of(path: str) -> int | None:
    """The iteration of a checkpoint: of a pretrained run, or in its path, such as model-1000; None if unknown."""
    if Path(path, "about.json").is_file():
        return int(pretrained.read_about(Path(path))["iteration"])
    match = re.search(r"-(\d+)$", path)
    return int(match[1]) if match else None


def load_generator(run: Run, config: Config) -> tuple[keras.Model, str]:
    """Return the run's generator (or its EMA) and the path of its checkpoint. Raises UserError."""
    generator = build_generator(config)
    if config.g_ema and not (run.raw or run.original_checkpoint or run.pretrained):
        return generator, _restore(tf.train.Checkpoint(**g_ema_state(generator)), run)
    return generator, load_weights(run, generator)


def load_discriminator(run: Run, config: Config) -> tuple[keras.Model, str]:
    """Return the run's discriminator and the path of its checkpoint. Raises UserError."""
    discriminator = build_discriminator(config)
    return discriminator, load_weights(run, discriminator)


def load_weights(run: Run, *networks: keras.Model) -> str:
    """Load the run's weights into the networks, without EMA and Adam. Returns the path. Raises UserError."""
    if run.original_checkpoint:
        return original.assign(run.original_checkpoint, *networks)
    if run.pretrained:
        return pretrained.assign(run, *networks)
    return _restore(tf.train.Checkpoint(**{v.path: v.value for network in networks for v in network.variables}), run)


def _newest_first(run: Run) -> list[str]:
    """Return the paths of the checkpoints that the run's index file names, or only of the iteration that run names.

    Raises UserError if that iteration has no checkpoint.
    """
    state = tf.train.get_checkpoint_state(str(run.checkpoint_dir))
    paths = list(reversed(state.all_model_checkpoint_paths)) if state else []
    chosen = [path for path in paths if not run.iteration or iteration_of(path) == run.iteration]
    if paths and not chosen:
        kept = ", ".join(str(iteration_of(path)) for path in reversed(paths))
        raise UserError(
            f"The run {run.name} has no checkpoint of iteration {run.iteration}; choose one that it has: {kept}."
        )
    return chosen


def _restore(checkpoint: tf.train.Checkpoint, run: Run) -> str:
    """Restore the newest checkpoint that can be read, and warn about damaged ones. Returns its path."""
    paths, reasons = _newest_first(run), []
    for path in paths:
        try:
            checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
            return path
        except UNREADABLE as error:
            reasons.append(reason(error))
            if path != paths[-1]:
                print(
                    f"Warning: the checkpoint {path} is damaged ({reasons[-1]}); an older one is used.",
                    file=sys.stderr,
                )
    if not paths:
        raise UserError(f"The run {run.name} has no checkpoint in {run.checkpoint_dir}; train it with --train first.")
    raise UserError(
        f"The checkpoint {paths[0]} does not fit the sizes in {run.flags_file}, or is damaged ({reasons[0]}); train a"
        " new run, or name another with --out_name."
    )
