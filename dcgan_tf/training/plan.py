"""How a training begins: a new run, a run that continues, or other weights. Decided from settings alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.select import find_run, find_weights, is_other_data
from dcgan_tf.runs.weights import Weights, check_architecture
from dcgan_tf.settings.config import FIXED, SETTINGS, WEIGHTS, Asked, Config, settings_of
from dcgan_tf.settings.options import SOURCES, START
from dcgan_tf.settings.resolve import ask, check_given, convert
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import say


@dataclass(frozen=True)
class Plan:
    """How a training begins."""

    given: dict[str, Any]  # the settings that the user gave, and those that the weights need
    asked: Asked  # for a run that continues: all its settings, with those given
    run: Run | None = None  # the run to continue; None: a new one
    weights: Weights | None = None  # what a new run begins with; None: random weights
    preset: str = ""  # auto: the images decide, and `asked` is without it
    dry_run: bool = False  # only say what the training would do


def plan_training(runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> Plan:
    """Decide how a training begins. The first of these rules that applies decides:

    1. Without resume: a new run, with the weights of checkpoint, init_from or pretrained if one is given.
    2. With resume and a name that no run has: a new run with that name.
    3. With resume: the run of that name, or else the newest run that matches the given settings.

    Nothing is read but the settings of runs and weights, and nothing is written.

    Args:
      name: of the run, or blank.
      given: the settings that the user gave.
      chosen: some of `options.START`: resume, dry_run, preset, settings, init_from, checkpoint, pretrained.
    Returns: the plan; its settings are not complete before the data set is read.
    Raises: UserError if a setting is impossible, two choices exclude each other, or there is no such run.
    """
    given = check_given(given)
    chosen = {option: setting.default for option, setting in START.items()} | convert(chosen, START)
    if chosen["settings"]:
        given = check_given(Config.read(Path(chosen["settings"])).changed()) | given
    dataset = given.get("dataset", Asked.dataset)
    sources = {option: chosen[option] for option in SOURCES if chosen[option]}
    if sources and chosen["resume"]:
        raise UserError(f"--{next(iter(sources))} begins a new run and --resume continues one; give only one of them.")
    if chosen["resume"] and name and not runs.named(name).flags_file.exists():
        say(f"There is no run {name} yet, so it begins now.")
    elif chosen["resume"]:
        run = find_run(runs, dataset, name, given, resume=True)
        saved = run.config()
        check_architecture(run.name, saved, given)
        return Plan(given, resumed(saved, given), run, dry_run=chosen["dry_run"])
    weights = None
    if sources:
        of_weights = {setting: given[setting] for setting in given if setting in settings_of(WEIGHTS)}
        weights = find_weights(runs, "", {"dataset": dataset} | of_weights, sources)
        weights.check_has_discriminator()
        given |= {setting: getattr(weights.config, setting) for setting in settings_of(WEIGHTS)}
    asked = ask(given, chosen["preset"])
    if asked.hold_out and asked.split == "test":
        raise UserError("--split test trains on what --hold_out keeps out of the training; leave one of them out.")
    if weights:
        check_unseen(weights, asked)
    return Plan(given, asked, None, weights, chosen["preset"], chosen["dry_run"])


def check_unseen(weights: Weights, asked: Asked) -> None:
    """Raise UserError if a training would keep images for its evaluation that the weights have seen."""
    saved = weights.config
    for name in ("hold_out", "split"):
        is_new = getattr(asked, name) not in (SETTINGS[name].default, getattr(saved, name))
        if is_new and weights.run and not is_other_data(saved, asked):
            raise UserError(
                f"The run {weights.name} was trained on the same data set without this --{name}, so it has seen the"
                f" images that would be kept for the evaluation; leave out --{name}, or begin with other weights."
            )


def resumed(saved: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run that continues: those given replace the saved ones, unless they are fixed.

    Raises: UserError if the saved and the given ones exclude each other.
    """
    changed: dict[str, Any] = {name: value for name, value in given.items() if name not in FIXED}
    if changed.get("precision") == "auto":  # it was chosen when the run began
        del changed["precision"]
    if changed.get("input_height", saved.input_height) != saved.input_height:
        changed.setdefault("input_width", None)  # the saved one belongs to the old height
    return dataclasses.replace(saved, **changed)
