"""Continue a run: its settings, and what must not change."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dcgan_tf.runs.run import Run, complete_checkpoints
from dcgan_tf.runs.select import images_of, is_other_data
from dcgan_tf.settings.config import ARCHITECTURE, Config, settings_with
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import report, warn


def resumed_config(saved: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run that continues: those given replace the saved ones, except of the architecture."""
    fixed = settings_with(ARCHITECTURE)
    changed: dict[str, Any] = {name: value for name, value in given.items() if name not in fixed}
    if changed.get("precision") == "auto":  # it was chosen when the run began
        del changed["precision"]
    data = {name: changed.get(name, getattr(saved, name)) for name in ("dataset", "data_dir", "input_fname_pattern")}
    if is_other_data(saved, Config(**data)):
        warn(f"The run was trained on {images_of(saved)}; it continues on {images_of(Config(**data))}.")
    if changed.get("split", saved.split) != saved.split:
        raise UserError(
            f"The run was trained on --split {saved.split}, and its evaluation must be able to say what it has seen;"
            f" leave out --split {changed['split']}, or train a new run."
        )
    by_iterations = changed.get("iterations", saved.iterations)
    if changed.get("batch_size", saved.batch_size) != saved.batch_size and not by_iterations:
        report(
            "Hint",
            f"a batch has {changed['batch_size']} images, not {saved.batch_size}, so an epoch has another number of"
            " iterations; what was done counts in iterations, and --iterations sets the end.",
        )
    if "epoch" in changed:
        changed = fitted_to_epochs(saved, changed)
    height = changed.get("input_height", saved.input_height)
    if height != saved.input_height:  # the saved width belongs to the old height
        changed.setdefault("input_width", None)
    # This machine may have other devices than before, so the strategy is auto again, unless given.
    return dataclasses.replace(saved, **({"strategy": "auto"} | changed))


def fitted_to_epochs(saved: Config, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the changed settings with what the saved ones say about later epochs than the new last one left out."""
    last = changed["epoch"]
    fitted: dict[str, Any] = {}
    if max(saved.epochs_to_keep, default=0) > last:
        fitted["epoch_samples"] = ",".join(str(epoch) for epoch in saved.epochs_to_keep if epoch <= last)
    if saved.lr_decay_epochs > last:
        fitted["lr_decay_epochs"] = last // 2
    for name, value in fitted.items():
        if name not in changed:
            report("Hint", f"--{name} {value}, because the training now ends after epoch {last}.")
    return fitted | changed


def check_not_lost(run: Run) -> None:
    """Raise UserError if a run without a checkpoint once had one: it would begin again, and its curves be removed."""
    from dcgan_tf.training.curves import last_step

    if complete_checkpoints(run.folder):
        return
    index = run.folder / "checkpoint"
    reached = last_step(run.curves())
    if index.exists() or reached > run.config().ckpt_freq:
        raise UserError(
            f"The model files of the run {run.name} are lost: {run.folder} has no complete checkpoint, but the run has"
            f" reached iteration {reached}; copy its files model-* back to that folder, continue another run with"
            f" --out_name, or train a new run without --resume; if the curves are those of an earlier run of this name,"
            f" move {run.logs_folder} away."
        )
