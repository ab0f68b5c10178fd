"""Checkpoints: save and restore the whole state of a training, or read the variables of its networks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from dcgan_tf.model import DCGAN
from dcgan_tf.optimizer import LossScale
from dcgan_tf.runs.run import Content, Origin, Run, complete_checkpoints, iteration_in
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.files import check_folder, remove, write_bytes
from dcgan_tf.system.messages import warn

# What TensorFlow raises if a checkpoint is damaged, incomplete, or of other sizes.
UNREADABLE = (ValueError, AssertionError, LookupError, RuntimeError, OSError, tf.errors.OpError)
NETWORKS = ("generator/", "discriminator/", "g_ema/")  # how the names of the networks' variables begin
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"  # of the key that a variable has in a checkpoint


class Checkpoints:
    """The checkpoints of a training in one folder: both networks, both optimizers, and the iteration."""

    def __init__(self, model: DCGAN, folder: Path, max_to_keep: int):
        """Read and write nothing yet.

        Args:
          model: what is saved and restored.
          folder: of a run, or of its best checkpoint.
          max_to_keep: how many of the newest checkpoints stay.
        """
        self.model = model
        self.folder = folder
        self.max_to_keep = max_to_keep
        # By name, because tf.train.Checkpoint does not find the layers that a Keras model keeps in lists.
        self.checkpoint = tf.train.Checkpoint(**model.state())
        self.current = ""  # the path of the checkpoint that was saved or restored last

    def save(self) -> str:
        """Save the checkpoint of this iteration, if it is not saved yet, and remove the oldest. Returns its path.

        Raises: UserError if it cannot be written; the previous checkpoint stays.
        """
        iteration = self.model.iterations_done
        path = str(self.folder / f"model-{iteration}")
        if self.current == path:
            return path
        remove_incomplete(self.folder)
        try:
            self.folder.mkdir(exist_ok=True)
            self.checkpoint.save_counter.assign_add(1)  # which TensorFlow expects to find in a checkpoint
            self._write(tf.constant(path))
            self._keep_newest(iteration)
        except (OSError, tf.errors.OpError) as error:
            remove_incomplete(self.folder)
            raise UserError(
                f"The checkpoint of iteration {iteration} could not be written to {self.folder} ({reason(error)}); make"
                " room on that disk, then continue with --resume, or begin again if it is the first checkpoint."
            ) from error
        self.current = path
        return path

    @tf.function(autograph=False)
    def _write(self, path: tf.Tensor) -> None:
        """Write all variables; traced once, because TensorFlow would look them up again for each checkpoint."""
        # What is on no device of this task, such as a constant, would have a file of its own.
        task = tf.DeviceSpec.from_string(self.model.iterations.device)
        with tf.device(task.replace(device_type="CPU", device_index=0).to_string()):
            self.checkpoint.write(path)

    def restore(self) -> str:
        """Restore the newest checkpoint that can be read.

        Returns its path; blank if no checkpoint was saved yet. Raises UserError if none can be read.
        """
        # Checkpoints of version 1.0.0 and of other precisions have no loss scale: it then begins anew.
        state = self.model.state()
        scale = {name: state.pop(name) for name in LossScale.NAMES if name in state}

        def restore_one(path: str) -> str:
            tf.train.Checkpoint(**state).restore(path).assert_existing_objects_matched().expect_partial()
            tf.train.Checkpoint(**scale).restore(path).expect_partial()
            return path

        paths = complete_checkpoints(self.folder)
        if paths:
            self.current = newest(paths, restore_one)
        return self.current

    def _keep_newest(self, iteration: int) -> None:
        """Name the newest checkpoints in TensorFlow's index file `checkpoint`, and remove the others.

        Those of later iterations are damaged, or else the training would have gone on from there. The names are without
        their folder, so that a copy of the run does not name the files of the original.
        """
        names = [Path(path).name for path in complete_checkpoints(self.folder)]
        later = names.index(f"model-{iteration}") + 1
        kept = names[:later][-self.max_to_keep :]
        lines = [f'model_checkpoint_path: "{kept[-1]}"\n']
        lines += [f'all_model_checkpoint_paths: "{name}"\n' for name in kept]
        write_bytes(self.folder / "checkpoint", "".join(lines).encode())
        for name in set(names) - set(kept):
            (self.folder / f"{name}.index").unlink()
        remove_incomplete(self.folder)


def read(run: Run, best: bool, iteration: int) -> Content:
    """Read the networks' variables from a checkpoint of a run.

    Args:
      best: the best one.
      iteration: that of this iteration; 0: the newest that can be read.
    Returns: where it is, and the arrays by the names of the variables.
    Raises: UserError if there is no such checkpoint, or it cannot be read.
    """
    folder = run.folder
    wanted = "checkpoint"
    if best:
        folder = run.best_folder
    paths = complete_checkpoints(folder)
    kept = ", ".join(str(iteration_in(path)) for path in paths)
    if iteration:
        wanted = f"checkpoint of iteration {iteration}"
        paths = [path for path in paths if iteration_in(path) == iteration]
    if not paths:
        raise UserError(
            f"The run {run.name} has no {wanted} in {folder}; choose one that it has: {kept or 'none'}; or train it,"
            " for --best with --evaluate_freq."
        )
    return newest(paths, read_networks)


def read_networks(path: str, suffix: str = SUFFIX) -> Content:
    """Read the networks' variables, which have the original's names, from a checkpoint of TensorFlow 2 or 1.

    Args:
      path: as TensorFlow expects it, without extension: .../model-1000.
      suffix: what follows the names; blank in TensorFlow 1.
    Returns: as `read`. Raises one of UNREADABLE.
    """
    reader = tf.train.load_checkpoint(path)
    arrays = {}
    for key in reader.get_variable_to_shape_map():
        name = key.removesuffix(suffix).replace(".S", "/")
        if name.startswith(NETWORKS):
            arrays[name] = reader.get_tensor(key)
    return Origin(path, iteration_in(path)), arrays


def newest(paths: list[str], read_one: Callable[[str], Any]) -> Any:
    """Read the newest checkpoint that can be read, and warn about damaged ones.

    Args:
      paths: of checkpoints, the oldest first.
    Returns: what `read_one` returned for its path. Raises UserError if none can be read.
    """
    check_folder(Path(paths[0]).parent)
    reasons = []
    for path in reversed(paths):
        try:
            return read_one(path)
        except UNREADABLE as error:
            reasons.append(reason(error))
            if path != paths[0]:
                warn(f"the checkpoint {path} is damaged ({reasons[-1]}); an older one is used.")
    raise UserError(
        f"The checkpoint {paths[-1]} does not fit the sizes of its run, or is damaged ({reasons[0]}); train a new run,"
        " or name another with --out_name."
    )


def remove_incomplete(folder: Path) -> None:
    """Remove what TensorFlow wrote of checkpoints that it did not complete, and no other file."""
    complete = {Path(path).name for path in complete_checkpoints(folder)}
    for file in folder.glob("model-*"):
        found = re.fullmatch(r"(model-\d+)(\.index|\.data-\d+-of-\d+|)(\.tempstate\d+|_temp\w*|)", file.name)
        if not found:
            continue
        name, kind, temporary = found.groups()
        if temporary or (kind and name not in complete):
            remove(file)
