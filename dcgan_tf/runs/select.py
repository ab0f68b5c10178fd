"""Choose trained weights: of a run, of a pretrained run, or of a checkpoint of the original program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from dcgan_tf.runs.pretrained import find as find_pretrained
from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.settings.config import Config, settings_with
from dcgan_tf.settings.setting import Trait
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.startup import start_tensorflow


def select(
    runs: Runs,
    config: Config,
    name: str,
    given: dict[str, Any],
    *,
    checkpoint: str = "",
    best: bool = False,
    iteration: int = 0,
    weights: str = "",
    pretrained: bool = False,
) -> tuple[Run, Config]:
    """Choose trained weights. The first of these rules that applies chooses them:

    1. With a checkpoint of the original program: that one. The shapes of its weights give the sizes of the networks.
    2. With pretrained: the run of this data set that comes with the package or was fetched.
    3. The run of that name, or else the newest run that matches the data set and `given`. Settings come from the run,
       except those with the trait OVERRIDE or MACHINE.

    Args:
      config: the settings to use with a checkpoint; otherwise only its data set is used.
      name: of the run, or blank.
      given: the settings that the user gave.
      checkpoint: path of a checkpoint of the original program, or blank.
      pretrained: whether to use the run that comes with the package or was fetched.
      best, iteration, weights: which of the run's weights, as `load` has them.
    Returns: the run and its settings. Raises: UserError if there is no such run or checkpoint.
    """
    if pretrained and (best or iteration or weights):
        raise UserError("A pretrained run has one set of weights; leave out --best, --iteration and --weights.")
    if checkpoint:
        start_tensorflow()
        from dcgan_tf.runs import original as original_checkpoint

        run = original(runs, checkpoint, name)
        config = dataclasses.replace(config, **original_checkpoint.sizes(checkpoint, given))
    else:
        run = find_pretrained(runs, config.dataset) if pretrained else runs.find(config.dataset, name, given)
        config = run.config()
    if weights == "ema" and not config.g_ema:
        raise UserError(
            f"The run {run.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    run = dataclasses.replace(run, best=best, iteration=iteration, raw=weights == "raw")
    # Seeds of images begin with 0, whatever the seed of the training was.
    return run, override(config, {"seed": 0} | given)


def find_start(runs: Runs, dataset: str, init_from: str) -> Run | None:
    """Return the run whose weights a training begins with: a run's name, or pretrained:NAME; None if blank.

    Raises UserError if there is no such run.
    """
    kind, _, name = init_from.partition(":")
    if kind == "pretrained":
        return find_pretrained(runs, name)
    return runs.find(dataset, init_from) if init_from else None


def original(runs: Runs, checkpoint: str, name: str = "") -> Run:
    """Return a checkpoint of the original program as a run, by default with its own name. Raises UserError."""
    from dcgan_tf.runs import original as original_checkpoint

    run = runs.named(name or Path(original_checkpoint.prefix(checkpoint)).name)
    return dataclasses.replace(run, original_checkpoint=checkpoint)


def override(config: Config, given: dict[str, Any]) -> Config:
    """Replace the settings that may differ from those of the training."""
    allowed = settings_with(Trait.OVERRIDE | Trait.MACHINE)
    return dataclasses.replace(config, **{name: value for name, value in given.items() if name in allowed})
