"""Which run, which weights and which settings: the rules for every command, for dcgan_tf.load, and for a training."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.runs.run import Run, Runs, complete_checkpoints
from dcgan_tf.runs.weights import (
    Weights,
    architecture_in,
    check_architecture,
    has_setting,
    of_original,
    of_pretrained,
    of_run,
)
from dcgan_tf.settings import flags_json, options
from dcgan_tf.settings.config import RESUME, Asked, Config, settings_of
from dcgan_tf.settings.resolve import check_given, convert, override
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import report, say

PRETRAINED = "pretrained:"


@dataclass(frozen=True)
class Selection:
    """Trained weights, their settings, and the run whose folders take what is made with them."""

    run: Run
    weights: Weights
    config: Config


def select(runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> Selection:
    """Choose trained weights. The first of these rules that applies chooses them:

    1. With a checkpoint of the original program: that one. The shapes of its weights give the sizes of the networks.
    2. With pretrained: the run of this data set that comes with the package.
    3. The run of that name, or else the newest run that matches the data set and the architecture in `given`.

    Settings come from the run, except those that can be given with each use.

    Args:
      name: of the run, or blank.
      given: the settings that the user gave.
      chosen: some of `options.WEIGHTS`: checkpoint, best, iteration, weights, pretrained.
    Raises: UserError if there is no such run or checkpoint, or if two choices exclude each other.
    """
    given = check_given(given)
    chosen = check_chosen(chosen)
    dataset = given.get("dataset", Asked.dataset)
    if chosen["checkpoint"]:
        weights = of_original(chosen["checkpoint"], given)
    elif chosen["pretrained"]:
        weights = of_pretrained(dataset)
    else:
        run = find_run(runs, dataset, name, given)
        raw = chosen["weights"] == "raw"
        weights = of_run(run, best=chosen["best"], iteration=chosen["iteration"], raw=raw)
        say(f"Run: {run.folder}")
    if chosen["weights"] == "ema" and not weights.has_average:
        raise UserError(
            f"The run {weights.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    check_architecture(weights.name, weights.config, given)
    say_without_effect(weights.config, given)
    return Selection(runs.named(name or weights.name), weights, for_images(weights.config, given))


def find_run(
    runs: Runs, dataset: str, name: str = "", given: Mapping[str, Any] | None = None, *, resume: bool = False
) -> Run:
    """Return the run of that name, or the newest one that has a checkpoint, the data set and the architecture.

    Args:
      given: the settings that the user gave. Those of the architecture must be the run's.
      resume: the newest run counts also if it was stopped before its first checkpoint; it begins again.
    Raises: UserError, which lists all runs, if none matches.
    """
    given = given or {}
    existing = runs.all()
    if name:
        wanted = f"named {name!r}"
        run = runs.named(name)
        if run in existing:
            check_architecture(name, run.config(), given)
            return run
    else:
        settings = [f"{key} {value}" for key, value in architecture_in(given).items()]
        wanted = ", ".join([f"of data set {dataset!r}", *settings])
        for run in existing:
            if not _matches(run, dataset, given):
                continue
            if resume or complete_checkpoints(run.folder):
                return run
            report("Skipped", f"the run {run.name} has no checkpoint.")
    raise UserError(
        f"No trained run {wanted} in {runs.folder}; train one with --train, or choose one of the existing runs with"
        f" --dataset, --out_name or --out_dir: {', '.join(run.name for run in existing) or 'none'}."
    )


def _matches(run: Run, dataset: str, given: Mapping[str, Any]) -> bool:
    try:
        config = run.config()
    except UserError as error:
        report("Skipped", str(error))
        return False
    if os.path.normpath(config.dataset) != os.path.normpath(dataset):  # cats is cats/
        data_dir = given.get("data_dir", config.data_dir)
        if data_folder(config.data_dir, config.dataset) != data_folder(data_dir, dataset):
            return False
    return all(has_setting(config, key, value) for key, value in architecture_in(given).items())


def for_images(config: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run with those given that may differ from the training.

    Seeds of images begin with 0, whatever the seed of the training was.
    """
    return override(config, {"seed": 0} | dict(given))


def say_without_effect(config: Config, given: Mapping[str, Any]) -> None:
    """Say which given settings count only while a run is trained, if they are not those of the run."""
    ignored = set(settings_of(RESUME))
    if not config.crop:
        ignored -= {"input_height", "input_width"}  # the original's command lines give them always
    for name, value in given.items():
        if name in ignored and value not in (None, "auto", getattr(config, name)):
            report("Hint", f"--{name} has no effect here: it counts in a training, and the run keeps its own value.")


def check_chosen(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of `options.WEIGHTS`, with their defaults where they were not chosen. Raises UserError."""
    defaults = {name: option.default for name, option in options.WEIGHTS.items()}
    chosen = defaults | convert(chosen, options.WEIGHTS)
    for one, other in (("checkpoint", "pretrained"), ("best", "iteration")):
        if chosen[one] and chosen[other]:
            raise both_choose_weights(one, other)
    own_choice = chosen["best"] or chosen["iteration"] or chosen["weights"]
    if own_choice and (chosen["pretrained"] or chosen["checkpoint"]):
        raise UserError(
            "A pretrained run, or a checkpoint of the original program, has one set of weights; leave out --best,"
            " --iteration and --weights."
        )
    return chosen


def both_choose_weights(one: str, other: str) -> UserError:
    """Return the error for two options that exclude each other."""
    return UserError(f"--{one} and --{other} both choose the weights; give only one of them.")


def start_weights(runs: Runs, given: Mapping[str, Any], sources: Mapping[str, Any]) -> Weights | None:
    """Return the weights that a new training begins with; None for random ones.

    Args:
      given: the settings that the user gave.
      sources: at most one of `options.SOURCES`. checkpoint: of the original program; init_from: a run's name or folder,
        or pretrained:NAME; pretrained: that of the data set.
    Raises: UserError if there are no such weights, or more than one of them is given.
    """
    names = list(sources)
    if len(names) > 1:
        raise both_choose_weights(names[0], names[1])
    dataset = given.get("dataset", Asked.dataset)
    if "checkpoint" in sources:
        return of_original(sources["checkpoint"], given)
    if "pretrained" in sources:
        return of_pretrained(dataset)
    if "init_from" not in sources:
        return None
    init_from = sources["init_from"]
    if init_from.startswith(PRETRAINED):
        return of_pretrained(init_from.removeprefix(PRETRAINED))
    around = runs_around(init_from, runs)
    if around:
        return of_run(around.named(os.path.basename(os.path.abspath(init_from))))
    if Path(init_from).name != init_from:
        raise UserError(
            f"--init_from takes the name of a run, the folder of a run, or pretrained:NAME, but is {init_from!r}, which"
            f" has no {flags_json.NAME}."
        )
    return of_run(find_run(runs, dataset, init_from))


def choices_of(source: Any, runs: Runs) -> tuple[Runs, str, dict[str, Any], dict[str, Any]]:
    """Understand what dcgan_tf.load takes.

    It is the first of these that there is: pretrained:NAME, a run's folder, an original checkpoint, the name of a run,
    a data set.

    Returns: the arguments of `select`: runs, name, given, chosen.
    """
    source = options.SOURCE.convert("source", source)
    path = Path(source)
    if source.startswith(PRETRAINED):
        return runs, "", {"dataset": source.removeprefix(PRETRAINED)}, {"pretrained": True}
    around = runs_around(source, runs)
    if around:
        return around, os.path.basename(os.path.abspath(source)), {}, {}
    if any(path.glob("*.index")) or path.is_file() or Path(f"{source}.index").is_file():
        return runs, "", {}, {"checkpoint": os.path.abspath(source)}
    if path.name == source and runs.named(source).has_begun():
        return runs, source, {}, {}
    return runs, "", {"dataset": source}, {}


def runs_around(source: str, runs: Runs) -> Runs | None:
    """Return the runs around the folder of a run, <out_dir>/<checkpoint_dir>/<run>; None if it is none.

    What is made goes to its out_dir.
    """
    folder = Path(os.path.abspath(source))  # unlike Path.absolute, without ..
    if not (folder / flags_json.NAME).is_file():
        return None
    return dataclasses.replace(runs, out_dir=str(folder.parent.parent), checkpoint_dir=folder.parent.name)


def data_folder(data_dir: str, dataset: str) -> str:
    """Return the folder of a data set, which need not exist, without links in its path."""
    return os.path.realpath(os.path.join(data_dir, dataset))


def is_other_data(trained: Asked, used: Asked) -> bool:
    """Return whether settings stand for other images than those of a training.

    A data set of the same name in another folder has moved if its old folder is gone, or has the same images.
    """
    if trained.input_fname_pattern != used.input_fname_pattern:
        return True
    before = data_folder(trained.data_dir, trained.dataset)
    now = data_folder(used.data_dir, used.dataset)
    if before == now:
        return False
    if os.path.basename(before) != os.path.basename(now):
        return True
    names_before = _names_in(before)
    names_now = _names_in(now)
    return bool(names_before) and bool(names_now) and names_before != names_now


def _names_in(folder: str) -> set[str]:
    """Return the names of images and of folders in a folder, or if there are none, of all files.

    What is hidden does not count. There are none if the folder is gone or cannot be read.
    """
    from dcgan_tf.data.formats import EXTENSIONS  # here, because it imports Pillow

    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith((".", "__MACOSX"))]
    except OSError:
        return set()
    images = {entry.name for entry in entries if entry.is_dir() or Path(entry.name).suffix.lower() in EXTENSIONS}
    return images or {entry.name for entry in entries}


def images_of(config: Asked) -> str:
    """Return a data set as messages name it, with its folder."""
    folder = os.path.join(config.data_dir, config.dataset)
    pattern = ""
    if config.input_fname_pattern:
        pattern = f" ({config.input_fname_pattern})"
    return f"the data set {config.dataset!r} in {os.path.abspath(folder)}{pattern}"
