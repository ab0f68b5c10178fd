"""The program from Python: dcgan_tf.load() and dcgan_tf.train(). The commands of main.py run the same code."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.select import find_start, override, select
from dcgan_tf.settings.config import Config, with_preset
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.startup import start_tensorflow
from dcgan_tf.trained_run import TrainedRun, quiet


def load(
    source: str | Path,
    *,
    out_dir: str | Path = ".",
    best: bool = False,
    iteration: int = 0,
    weights: str = "",
    **settings: Any,
) -> TrainedRun:
    """Find a trained run.

    Args:
      source: a data set, which means the newest run of it; a run's name, or its folder in checkpoints/; a checkpoint of
        the original program; or "pretrained:mnist", which comes with the package.
      out_dir: the folder with checkpoints/, samples/ and logs/.
      best: use the checkpoint that scored best (--evaluate_freq), not the newest.
      iteration: use the checkpoint of this iteration.
      weights: "raw": the generator's weights; "ema": their average (default: the average if the run has one).
      settings: of the run, to find it (e.g. g_ema=0.999), or for its use (e.g. data_dir="data").
    Raises: UserError if there is no such run.
    """
    path, runs = Path(source).expanduser(), Runs(str(Path(out_dir).expanduser()))
    name = checkpoint = ""
    kind, _, pretrained_name = str(source).partition(":")
    pretrained = kind == "pretrained"
    if pretrained:
        source = pretrained_name
    elif (path / "FLAGS.json").is_file():
        path = path.absolute()
        runs, name = Runs(str(path.parents[1]), path.parent.name), path.name
    elif any(path.glob("*.index")) or Path(f"{path}.index").is_file():
        checkpoint = str(path)
    elif path.name == str(source) and runs.named(path.name).has_begun:
        name = path.name
    config = Config(**({"dataset": str(source)} | settings))
    with quiet():
        chosen = {"checkpoint": checkpoint, "best": best, "iteration": iteration, "weights": weights}
        chosen["pretrained"] = pretrained
        run, config = select(runs, config, name, settings, **chosen)
        start_tensorflow()
    return TrainedRun(run, config)


def train(
    dataset: str,
    *,
    out_dir: str | Path = ".",
    out_name: str = "",
    preset: str = "",
    resume: bool = False,
    init_from: str = "",
    on_log: Callable[[dict[str, float]], None] | None = None,
    verbose: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a run, and return it. Ctrl-C saves a checkpoint and returns what was trained.

    Args:
      dataset: a folder of images, mnist, or a name of tensorflow-datasets.
      out_dir, out_name: the folder for checkpoints/, samples/ and logs/, and the run's name (default: a new name).
      preset: "paper", "best" or "small".
      resume: continue the run out_name, which begins now if there is none, or the newest of this data set.
      init_from: the name of a run whose weights the new run begins with, or e.g. "pretrained:mouths".
      on_log: called every log_freq iterations with {"iteration": ..., "d_loss": ..., "g_loss": ..., ...}.
      verbose: print what the command prints.
      settings: any setting of the command line, e.g. epoch=1, batch_size=32.
    Raises: UserError if a setting is impossible, the data cannot be read, or the training fails.
    """
    unknown = set(settings) - {field.name for field in dataclasses.fields(Config)}
    if unknown:
        raise UserError(f"There is no setting {', '.join(sorted(unknown))}; see main.py --help.")
    runs = Runs(str(Path(out_dir).expanduser()))
    config = Config(**with_preset(preset, settings | {"dataset": dataset}))
    stdout = sys.stdout

    def log(values: dict[str, float]) -> None:
        with contextlib.redirect_stdout(stdout):
            on_log(values)

    start_tensorflow()
    from dcgan_tf.training import loop

    with contextlib.nullcontext() if verbose else quiet():
        start = find_start(runs, dataset, init_from)
        if not resume or (out_name and not runs.named(out_name).has_begun):
            outcome = loop.train_new(config, runs, out_name, start, settings, log if on_log else None)
        else:
            outcome = loop.resume(runs.find(dataset, out_name, settings), settings, log if on_log else None)
    if outcome.run is None:
        raise UserError("Only the first of several workers has the run; use it there, as dcgan_tf.load() does.")
    return TrainedRun(outcome.run, override(outcome.run.config(), {"seed": 0}))
