"""Which run, which weights and which settings: the rules for every command and for dcgan_tf.load."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.runs import pretrained
from dcgan_tf.runs.run import Run, Runs, check_architecture
from dcgan_tf.runs.weights import Checkpoint, Original, Pretrained, Weights, original_prefix
from dcgan_tf.settings import flags_json, options
from dcgan_tf.settings.config import ARCHITECTURE, MACHINE, OVERRIDE, Config, override, settings_with
from dcgan_tf.settings.given import check_given, convert
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

    Settings come from the run, except those with the trait OVERRIDE or MACHINE.

    Args:
      name: of the run, or blank.
      given: the settings that the user gave.
      chosen: some of `options.WEIGHTS`: checkpoint, best, iteration, weights, pretrained.
    Raises: UserError if there is no such run or checkpoint, or if two choices exclude each other.
    """
    given = check_given(given)
    chosen = check_chosen(chosen)
    dataset = given.get("dataset", Config.dataset)
    if chosen["checkpoint"]:
        weights: Weights = Original(chosen["checkpoint"])
        run = runs.named(name or weights.name)
    elif chosen["pretrained"]:
        weights = Pretrained(pretrained.find(dataset))
        run = runs.named(name or weights.name)
    else:
        run = runs.find(dataset, name, given)
        weights = Checkpoint(run, chosen["best"], chosen["iteration"], raw=chosen["weights"] == "raw")
        say(f"Run: {run.folder}")
    if chosen["weights"] == "ema" and not weights.has_average:
        raise UserError(
            f"The run {run.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    config = weights.config(given)
    check_architecture(weights.name, config, given)
    say_without_effect(config, given)
    return Selection(run, weights, for_images(config, given))


def for_images(config: Config, given: Mapping[str, Any]) -> Config:
    """Return the settings of a run with those given that may differ from the training.

    Seeds of images begin with 0, whatever the seed of the training was.
    """
    return override(config, {"seed": 0} | dict(given))


def say_without_effect(config: Config, given: Mapping[str, Any]) -> None:
    """Say which given settings count only while a run is trained, if they are not those of the run."""
    counting = settings_with(OVERRIDE | MACHINE | ARCHITECTURE)
    if not config.crop:
        counting += ("input_height", "input_width")  # the original's command lines give them always
    for name, value in given.items():
        if name not in counting and value not in (None, "auto", getattr(config, name)):
            report("Hint", f"--{name} has no effect here: it counts in a training, and the run keeps its own value.")


def check_chosen(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of `options.WEIGHTS`, with their defaults where they were not chosen. Raises UserError."""
    defaults = {name: option.default for name, option in options.WEIGHTS.items()}
    chosen = defaults | convert(chosen, options.WEIGHTS)
    if chosen["checkpoint"] and chosen["pretrained"]:
        raise both_choose_weights("checkpoint", "pretrained")
    if chosen["best"] and chosen["iteration"]:
        raise both_choose_weights("best", "iteration")
    own_choice = chosen["best"] or chosen["iteration"] or chosen["weights"]
    if own_choice and chosen["pretrained"]:
        raise UserError("A pretrained run has one set of weights; leave out --best, --iteration and --weights.")
    if own_choice and chosen["checkpoint"]:
        raise UserError("A checkpoint has one set of weights; leave out --best, --iteration and --weights.")
    return chosen


def both_choose_weights(one: str, other: str) -> UserError:
    """Return the error for two options that exclude each other."""
    return UserError(f"--{one} and --{other} both choose the weights; give only one of them.")


def start_weights(runs: Runs, dataset: str, sources: Mapping[str, Any]) -> Weights | None:
    """Return the weights that a new training begins with; None for random ones.

    Args:
      sources: at most one of `options.SOURCES`. checkpoint: of the original program; init_from: a run's name or folder,
        or pretrained:NAME; pretrained: that of the data set.
    Raises: UserError if there are no such weights, or more than one of them is given.
    """
    names = list(sources)
    if len(names) > 1:
        raise both_choose_weights(names[0], names[1])
    if "checkpoint" in sources:
        return Original(sources["checkpoint"])
    if "pretrained" in sources:
        return Pretrained(pretrained.find(dataset))
    if "init_from" not in sources:
        return None
    init_from = sources["init_from"]
    if init_from.startswith(PRETRAINED):
        return Pretrained(pretrained.find(init_from.removeprefix(PRETRAINED)))
    folder = run_folder(init_from)
    if folder:
        return Checkpoint(runs_around(folder, runs).named(folder.name))
    if Path(init_from).name != init_from:
        raise UserError(
            f"--init_from takes the name of a run, the folder of a run, or pretrained:NAME, but is {init_from!r}, which"
            f" has no {flags_json.NAME}."
        )
    return Checkpoint(runs.find(dataset, init_from))


def choices_of(source: Any, runs: Runs) -> tuple[Runs, str, dict[str, Any], dict[str, Any]]:
    """Understand what dcgan_tf.load takes.

    It is the first of these that there is: pretrained:NAME, a run's folder, an original checkpoint, the name of a run,
    a data set.

    Returns: the arguments of `select`: runs, name, given, chosen.
    """
    source = options.SOURCE.convert("source", source)
    if source.startswith(PRETRAINED):
        return runs, "", {"dataset": source.removeprefix(PRETRAINED)}, {"pretrained": True}
    path = Path(source)
    folder = run_folder(source)
    if folder:
        return runs_around(folder, runs), folder.name, {}, {}
    if any(path.glob("*.index")) or Path(f"{original_prefix(source)}.index").is_file():
        return runs, "", {}, {"checkpoint": os.path.abspath(source)}
    if path.name == source and runs.named(source).has_begun:
        return runs, source, {}, {}
    return runs, "", {"dataset": source}, {}


def run_folder(source: str) -> Path | None:
    """Return the absolute path if it is the folder of a run, else None."""
    if not Path(source, flags_json.NAME).is_file():
        return None
    return Path(os.path.abspath(source))  # unlike Path.absolute, without ..


def runs_around(folder: Path, runs: Runs) -> Runs:
    """Return the runs around that folder, <out_dir>/<checkpoint_dir>/<run>. What is made goes to its out_dir."""
    around = folder.parent
    return dataclasses.replace(runs, out_dir=str(around.parent), checkpoint_dir=around.name)
