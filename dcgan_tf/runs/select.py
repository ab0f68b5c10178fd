"""Which run, which weights and which settings: the rules for every command and for dcgan_tf.load."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf.runs import pretrained
from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.weights import Checkpoint, Original, Pretrained, Weights
from dcgan_tf.settings import options
from dcgan_tf.settings.config import Config, override
from dcgan_tf.settings.given import check_given, convert
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import say


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
    request = Config(**given)  # checks the combinations, too
    if chosen["checkpoint"]:
        weights: Weights = Original(chosen["checkpoint"])
        run = runs.named(name or weights.name)
    elif chosen["pretrained"]:
        weights = Pretrained(pretrained.find(request.dataset))
        run = runs.named(weights.name)
    else:
        run = runs.find(request.dataset, name, given)
        weights = Checkpoint(run, chosen["best"], chosen["iteration"], raw=chosen["weights"] == "raw")
        say(f"Run: {run.folder}")
    if chosen["weights"] == "ema" and not weights.has_average:
        raise UserError(
            f"The run {run.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    # Seeds of images begin with 0, whatever the seed of the training was.
    return Selection(run, weights, override(weights.config(given), {"seed": 0} | given))


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


def start_weights(
    runs: Runs, dataset: str, *, checkpoint: str = "", init_from: str = "", pretrained_run: bool = False
) -> Weights | None:
    """Return the weights that a new training begins with; None for random ones.

    Args:
      checkpoint: of the original program.
      init_from: a run's name or folder, or pretrained:NAME.
      pretrained_run: whether to take the pretrained run of the data set.
    Raises: UserError if there are no such weights, or more than one of them is given.
    """
    names = [
        name
        for name, value in {"checkpoint": checkpoint, "init_from": init_from, "pretrained": pretrained_run}.items()
        if value
    ]
    if len(names) > 1:
        raise both_choose_weights(names[0], names[1])
    if checkpoint:
        return Original(checkpoint)
    if pretrained_run:
        init_from = f"pretrained:{dataset}"
    if not init_from:
        return None
    kind, _, pretrained_name = init_from.partition(":")
    if kind == "pretrained":
        return Pretrained(pretrained.find(pretrained_name))
    folder = run_folder(init_from)
    if folder:
        return Checkpoint(runs_around(folder, runs).named(folder.name))
    return Checkpoint(runs.find(dataset, init_from))


def choices_of(source: str | Path, runs: Runs) -> tuple[Runs, str, dict[str, Any], dict[str, Any]]:
    """Understand what dcgan_tf.load takes: a run's folder or name, an original checkpoint, pretrained:NAME, a data set.

    Returns: the arguments of `select`: runs, name, given, chosen.
    """
    kind, _, pretrained_name = str(source).partition(":")
    if kind == "pretrained":
        return runs, "", {"dataset": pretrained_name}, {"pretrained": True}
    path = Path(source).expanduser()
    folder = run_folder(source)
    if folder:
        return runs_around(folder, runs), folder.name, {}, {}
    if any(path.glob("*.index")) or Path(f"{path}.index").is_file():
        return runs, "", {}, {"checkpoint": str(path)}
    if path.name == str(source) and runs.named(path.name).has_begun:
        return runs, path.name, {}, {}
    return runs, "", {"dataset": str(source)}, {}


def run_folder(source: str | Path) -> Path | None:
    """Return the absolute path if it is the folder of a run, else None. A plain name is not a path."""
    path = Path(source).expanduser()
    if not (path / "FLAGS.json").is_file():
        return None
    return path.absolute()


def runs_around(folder: Path, runs: Runs) -> Runs:
    """Return the runs among which that folder is; <out_dir>/<checkpoint_dir>/<run> has the samples of `runs`."""
    return dataclasses.replace(runs, out_dir=str(folder.parents[1]), checkpoint_dir=folder.parent.name)
