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
    chosen = convert(chosen, options.WEIGHTS)
    check_one(chosen, "checkpoint", "pretrained", "best", "iteration")
    check_one(chosen, "checkpoint", "pretrained", "weights")
    weights = find_weights(runs, name, given, chosen)
    if weights.run:
        say(f"Run: {weights.run.folder}")
    if chosen.get("weights") == "ema" and not weights.has_average:
        raise UserError(
            f"The run {weights.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    check_architecture(weights.name, weights.config, given)
    say_without_effect(weights.config, given)
    return Selection(runs.named(name or weights.name), weights, for_images(weights.config, given))


def check_one(chosen: Mapping[str, Any], *names: str) -> None:
    """Raise UserError if more than one of these options is chosen."""
    found = [name for name in names if chosen.get(name)]
    if len(found) > 1:
        raise UserError(f"--{found[0]} and --{found[1]} both choose the weights; give only one of them.")


def find_weights(runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> Weights:
    """Return the weights that are chosen, by the rules of `select`. Raises UserError if there are none."""
    dataset = given.get("dataset", Asked.dataset)
    if chosen.get("checkpoint"):
        return of_original(chosen["checkpoint"], given)
    if chosen.get("pretrained"):
        return of_pretrained(dataset)
    run = find_run(runs, dataset, name, given)
    which = {option: chosen[option] for option in ("best", "iteration") if option in chosen}
    return of_run(run, **which, raw=chosen.get("weights") == "raw")


def start_weights(runs: Runs, given: Mapping[str, Any], sources: Mapping[str, Any]) -> Weights | None:
    """Return the weights that a new training begins with; None for random ones.

    Args:
      given: the settings that the user gave.
      sources: at most one of `options.SOURCES`: checkpoint; pretrained; init_from, which is what dcgan_tf.load takes.
    Raises: UserError if there are no such weights, or more than one of them is given.
    """
    check_one(sources, *options.SOURCES)
    if not sources:
        return None
    if "init_from" not in sources:
        return find_weights(runs, "", given, sources)
    runs, name, found, sources = choices_of(sources["init_from"], runs)
    if not sources:
        return of_run(find_run(runs, found.get("dataset", ""), name))
    return find_weights(runs, name, {**given, **found}, sources)


def choices_of(source: Any, runs: Runs) -> tuple[Runs, str, dict[str, Any], dict[str, Any]]:
    """Understand what dcgan_tf.load takes.

    It is the first of these that there is: pretrained:NAME, a run's folder, an original checkpoint, the name of a run,
    a data set.

    Returns: the arguments of `select`: runs, name, given, chosen.
    """
    source = options.SOURCE.convert("source", source)
    if source.startswith(PRETRAINED):
        return runs, "", {"dataset": source.removeprefix(PRETRAINED)}, {"pretrained": True}
    path = Path(os.path.abspath(source))  # unlike Path.absolute, without ..
    if (path / flags_json.NAME).is_file():  # what is made of it goes to the folder around its checkpoint_dir
        around = dataclasses.replace(runs, out_dir=str(path.parent.parent), checkpoint_dir=path.parent.name)
        return around, path.name, {}, {}
    if any(path.glob("*.index")) or path.is_file() or Path(f"{path}.index").is_file():
        return runs, "", {}, {"checkpoint": str(path)}
    if os.path.basename(source) == source and runs.named(source).has_begun():
        return runs, source, {}, {}
    return runs, "", {"dataset": source}, {}


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
        wanted = ", ".join([f"of data set {dataset!r}", *(f"{k} {v}" for k, v in architecture_in(given).items())])
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
    moved = dataclasses.replace(config, dataset=dataset, data_dir=given.get("data_dir", config.data_dir))
    same_name = os.path.normpath(config.dataset) == os.path.normpath(dataset)  # cats is cats/
    same_data = same_name or _folder_of(config) == _folder_of(moved)
    return same_data and all(has_setting(config, key, value) for key, value in architecture_in(given).items())


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


def images_of(config: Asked) -> str:
    """Return a data set as messages name it, with its folder."""
    folder = os.path.abspath(os.path.join(config.data_dir, config.dataset))
    pattern = ""
    if config.input_fname_pattern:
        pattern = f" ({config.input_fname_pattern})"
    return f"the data set {config.dataset!r} in {folder}{pattern}"


def is_other_data(trained: Asked, used: Asked) -> bool:
    """Return whether settings stand for other images than those of a training.

    A data set of the same name in another folder has moved if its old folder is gone, or has the same images.
    """
    if trained.input_fname_pattern != used.input_fname_pattern:
        return True
    before = _folder_of(trained)
    now = _folder_of(used)
    if before == now:
        return False
    if os.path.basename(before) != os.path.basename(now):
        return True
    names = _names_in(before)
    return bool(names) and _names_in(now) not in (set(), names)


def _folder_of(config: Asked) -> str:
    """Return the folder of a data set, which need not exist, without links in its path."""
    return os.path.realpath(os.path.join(config.data_dir, config.dataset))


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
