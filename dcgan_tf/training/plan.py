"""How a training begins: a new run, a run that continues, or other weights. Decided from settings alone."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.select import find_run, find_weights, images_of, is_other_data
from dcgan_tf.runs.weights import Weights, check_architecture
from dcgan_tf.settings import stages
from dcgan_tf.settings.config import RUN, SETTINGS, WEIGHTS, Asked, Config, settings_of
from dcgan_tf.settings.options import SOURCES, START
from dcgan_tf.settings.resolve import ask, check_given, convert
from dcgan_tf.settings.setting import as_text
from dcgan_tf.settings.values import plain_name
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import report, say, warn


@dataclass(frozen=True)
class Plan:
    """How a training begins."""

    given: dict[str, Any]  # the settings that the user gave
    asked: Asked  # for a run that continues: all its settings, with those given
    run: Run | None = None  # the run to continue; None: a new one
    weights: Weights | None = None  # what a new run begins with; None: random weights
    required: dict[str, Any] = field(default_factory=dict)  # the settings that these weights need
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
      chosen: some of `options.START`: resume, dry_run, preset, init_from, checkpoint, pretrained.
    Raises: UserError if a setting is impossible, two choices exclude each other, or there is no such run.
    """
    plain_name("out_name", name)
    given = check_given(given)
    chosen = {option: setting.default for option, setting in START.items()} | convert(chosen, START)
    dataset = given.get("dataset", Asked.dataset)
    sources = {option: chosen[option] for option in SOURCES if chosen[option]}
    if sources and chosen["resume"]:
        raise UserError(f"--{next(iter(sources))} begins a new run and --resume continues one; give only one of them.")
    if chosen["resume"] and name and not runs.named(name).flags_file.exists():
        say(f"There is no run {name} yet, so it begins now.")
    elif chosen["resume"]:
        run = find_run(runs, dataset, name, given, resume=True)
        if chosen["preset"]:
            report("Hint", f"--preset has no effect: the run {run.name} keeps its settings, but for those given.")
        return Plan(given, resumed(run.config(), given), run, dry_run=chosen["dry_run"])
    asked = ask(given, chosen["preset"])
    if asked.hold_out and asked.split == "test":
        raise UserError("--split test trains on what --hold_out keeps out of the training; leave one of them out.")
    weights = None
    required: dict[str, Any] = {}
    if sources:
        of_weights = {setting: value for setting, value in given.items() if setting in settings_of(WEIGHTS)}
        weights = find_weights(runs, "", {"dataset": dataset} | of_weights, sources)
        check_unseen(weights, asked)
        required = required_by(weights, of_weights)
    return Plan(given, asked, None, weights, required, chosen["preset"], chosen["dry_run"])


def required_by(weights: Weights, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a training must have which begins with these weights.

    Raises: UserError if there is no discriminator, or a given setting contradicts them.
    """
    weights.check_has_discriminator()
    check_architecture(weights.name, weights.config, given)
    return {name: getattr(weights.config, name) for name in settings_of(WEIGHTS)}


def check_unseen(weights: Weights, asked: Asked) -> None:
    """Raise UserError if a training would keep images for its evaluation that the weights have seen."""
    if not weights.run:
        return
    saved = weights.config
    if is_other_data(saved, asked) or (asked.hold_out and saved.hold_out == asked.hold_out):
        return
    if asked.hold_out:
        kept = f"--hold_out {asked.hold_out:g}"
    elif asked.split == "train" and saved.split != "train":
        kept = "--split train"
    else:
        return
    raise UserError(
        f"The run {weights.name} was trained without {kept} on the same data set, so it has seen the images that would"
        f" be kept for the evaluation; leave out {kept}, or begin with other weights."
    )


def check_classes(weights: Weights, config: Config) -> None:
    """Raise UserError unless the data set has as many classes as the weights."""
    count = weights.config.y_dim
    if count != config.y_dim:
        raise UserError(
            f"The data set {config.dataset!r} has {config.y_dim} classes, but the run {weights.name} has {count}; name"
            " a data set like the one it was trained on."
        )


def say_replaced(asked: Asked, config: Config, required: Mapping[str, Any], name: str) -> None:
    """Say which settings that were chosen, by a preset or as --stages auto, the weights of that name replace."""
    chosen = {key: getattr(asked, key) for key in required if getattr(asked, key) != SETTINGS[key].default}
    if chosen.get("stages") == "auto":
        chosen["stages"] = stages.automatic(config.output_height, config.output_width)
    replaced = [key for key, value in chosen.items() if getattr(config, key) != value]
    if replaced:
        of_run = " ".join(f"--{key} {required[key]}" for key in replaced)
        of_asked = " ".join(f"--{key} {chosen[key]}" for key in replaced)
        report("Hint", f"the run {name} has {of_run}, and so has this training, not {of_asked}.")


def resumed(saved: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run that continues: those given replace the saved ones, unless they are fixed."""
    fixed = settings_of(WEIGHTS, RUN)
    changed: dict[str, Any] = {name: value for name, value in given.items() if name not in fixed}
    if changed.get("precision") == "auto":  # it was chosen when the run began
        del changed["precision"]
    if saved.strategy == "multi_worker" and "strategy" not in changed and not os.environ.get("TF_CONFIG"):
        changed["strategy"] = "auto"
        report("Hint", "--strategy auto, because there is no TF_CONFIG with the workers that the run had.")
    if "epoch" in changed:
        for name, value in fitted_to_epochs(saved, changed["epoch"]).items():
            if name not in changed:
                report("Hint", f"--{name} {value}, because the training now ends after epoch {changed['epoch']}.")
                changed[name] = value
    if changed.get("input_height", saved.input_height) != saved.input_height:
        changed.setdefault("input_width", None)  # the saved one belongs to the old height
    config = dataclasses.replace(saved, **changed)
    if is_other_data(saved, config):
        warn(f"The run was trained on {images_of(saved)}; it continues on {images_of(config)}.")
    if config.batch_size != saved.batch_size and not config.iterations:
        text = f"a batch has {config.batch_size} images, not {saved.batch_size}, so an epoch has another number of"
        report("Hint", f"{text} iterations; what was done counts in iterations, and --iterations sets the end.")
    return config


def fitted_to_epochs(saved: Config, last: int) -> dict[str, Any]:
    """Return what must change of saved settings that name later epochs than the new last one."""
    fitted: dict[str, Any] = {}
    if max(saved.epochs_to_keep, default=0) > last:
        fitted["epoch_samples"] = as_text([epoch for epoch in saved.epochs_to_keep if epoch <= last])
    if saved.lr_decay_epochs > last:
        fitted["lr_decay_epochs"] = last // 2
    return fitted
