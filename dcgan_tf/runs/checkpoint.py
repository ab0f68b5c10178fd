"""Checkpoints of a run: save and restore the whole training state, or read the weights of its networks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import keras
import tensorflow as tf

from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint_files import complete_checkpoints, iteration_in, remove_incomplete
from dcgan_tf.runs.weights import Checkpoint, Origin
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import atomic_write, check_folder
from dcgan_tf.system.messages import report, warn

# What TensorFlow raises if a checkpoint is damaged, incomplete, or of other sizes.
UNREADABLE = (ValueError, AssertionError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """The checkpoints of a training in one folder: both networks, both optimizers, and the iteration."""

    def __init__(self, model: DCGAN, weights: Checkpoint, max_to_keep: int):
        """Args: weights: the newest checkpoint of a run, or its best one."""
        self.model = model
        self.weights = weights
        self.folder = weights.folder
        write_index(self.folder)
        # By name, because tf.train.Checkpoint does not find the layers that a Keras model keeps in lists.
        self.manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**model.state()), str(self.folder), max_to_keep, checkpoint_name="model"
        )
        self.current = ""  # the path of the checkpoint that was saved or restored last

    def save(self) -> str:
        """Save the checkpoint of this iteration, if it is not saved yet. Returns its path.

        TensorFlow writes temporary files, renames them, and only then names them in the index file `checkpoint`.
        Raises UserError if it cannot be written; the previous checkpoint stays.
        """
        iteration = self.model.iterations_done
        if self.current == str(self.folder / f"model-{iteration}"):
            return self.current
        try:
            self.current = self.manager.save(iteration)
        except (OSError, tf.errors.OpError) as error:
            remove_incomplete(self.folder)
            then = "continue with --resume from the beginning"
            if self.weights.best:
                then = "continue with --resume"
            elif self.current:
                then = f"continue with --resume from {self.current}, which is complete"
            elif iteration == 0:  # the run is not kept
                then = "give the same command again"
            raise UserError(
                f"The checkpoint of iteration {iteration} could not be written to {self.folder}"
                f" ({reason(error)}); make room on that disk, then {then}."
            ) from error
        return self.current

    def restore(self) -> str | None:
        """Restore the newest checkpoint that can be read, and remove files that a killed training left incomplete.

        Returns its path, or None if no checkpoint was saved yet. Raises UserError if none can be read.
        """
        if not _newest_first(self.weights):
            return None
        origin = restore(self.weights, self.model.state())
        remove_incomplete(self.folder)
        self.current = origin.path
        return self.current


def network_variables(*networks: keras.Model) -> dict[str, tf.Variable]:
    """Return the variables of the networks by their names in a checkpoint."""
    return {variable.path: variable.value for network in networks for variable in network.variables}


def restore(weights: Checkpoint, variables: Mapping[str, tf.Variable]) -> Origin:
    """Restore the variables from the checkpoint, and warn about damaged ones. Raises UserError if none can be read."""
    checkpoint = tf.train.Checkpoint(**variables)
    paths = _newest_first(weights)
    if not paths:
        raise _no_checkpoint(weights)
    reasons = []
    for path in paths:
        try:
            checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
            return Origin(path, iteration_in(path))
        except UNREADABLE as error:
            reasons.append(reason(error))
            if path != paths[-1]:
                warn(f"the checkpoint {path} is damaged ({reasons[-1]}); an older one is used.")
    raise UserError(
        f"The checkpoint {paths[0]} does not fit the sizes in {weights.run.flags_file}, or is damaged ({reasons[0]});"
        " train a new run, or name another with --out_name."
    )


def write_index(folder: Path) -> None:
    """Let the index file `checkpoint` name the complete checkpoints, if it is lost, damaged or incomplete.

    It names them without their folder, so that a copy of the run never uses, or removes, the files of the original.
    """
    paths = complete_checkpoints(folder)
    if not paths:
        (folder / "checkpoint").unlink(missing_ok=True)
    elif _indexed(folder) != [*paths, paths[-1]]:
        names = [Path(path).name for path in paths]
        report(
            "Checkpoints", f"the index file in {folder} is made again from the complete checkpoints up to {names[-1]}"
        )
        times = [os.path.getmtime(f"{path}.index") for path in paths]
        state = tf.compat.v1.train.generate_checkpoint_state_proto(
            str(folder),
            names[-1],
            names,
            all_model_checkpoint_timestamps=times,
            last_preserved_timestamp=0,  # CheckpointManager never removes what is older, by a clock that may be behind
        )
        with atomic_write(folder / "checkpoint") as temporary:
            temporary.write_text(str(state))


def _indexed(folder: Path) -> list[str]:
    """Return the paths that the index file names, and the one that it calls the newest; none if it is damaged."""
    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except ValueError:  # it is empty, or not text
        return []
    if state is None:
        return []
    return [*state.all_model_checkpoint_paths, state.model_checkpoint_path]


def _newest_first(weights: Checkpoint) -> list[str]:
    """Return the paths of the checkpoints that are complete, or only of the iteration that is asked for.

    Raises: UserError if that iteration has no checkpoint.
    """
    check_folder(weights.folder)
    paths = list(reversed(complete_checkpoints(weights.folder)))
    if not paths or not weights.iteration:
        return paths
    chosen = [path for path in paths if iteration_in(path) == weights.iteration]
    if not chosen:
        kept = ", ".join(str(iteration_in(path)) for path in reversed(paths) if iteration_in(path)) or "none"
        raise UserError(
            f"The run {weights.name} has no checkpoint of iteration {weights.iteration}; choose one that it has:"
            f" {kept}."
        )
    return chosen


def _no_checkpoint(weights: Checkpoint) -> UserError:
    if weights.best:
        return UserError(
            f"The run {weights.name} has no best checkpoint, because it was trained without evaluations; train with"
            " --evaluate_freq, or leave out --best."
        )
    return UserError(f"The run {weights.name} has no checkpoint in {weights.folder}; train it with --train first.")
