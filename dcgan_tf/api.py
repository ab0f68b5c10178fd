"""The program from Python: load(), train() and read() of dcgan_tf. The commands of main.py run the same code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.select import choices_of, select
from dcgan_tf.settings import options
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.resolve import ask, check_given, resolve
from dcgan_tf.settings.setting import wrong
from dcgan_tf.system.errors import StopTraining as StopTraining
from dcgan_tf.system.errors import UserError as UserError
from dcgan_tf.system.errors import device_errors
from dcgan_tf.system.messages import DcganWarning as DcganWarning
from dcgan_tf.system.messages import shown
from dcgan_tf.system.signals import pass_on
from dcgan_tf.system.startup import start_tensorflow
from dcgan_tf.trained_run import TrainedRun

if TYPE_CHECKING:
    import numpy as np


def load(
    source: str | Path,
    *,
    out_dir: str | Path | None = None,
    best: bool = False,
    iteration: int = 0,
    weights: str = "",
    **settings: Any,
) -> TrainedRun:
    """Find a trained run.

    Args:
      source: a data set, which means the newest run of it; a run's name; its folder, or that of a packed run, anywhere;
        a checkpoint of the original program; or "pretrained:mnist", which comes with the package.
      out_dir: the folder with checkpoints/, samples/ and logs/; what is made of a run's folder goes there, too.
      best: use the checkpoint that scored best (--evaluate_freq), not the newest.
      iteration: use the checkpoint of this iteration.
      weights: "raw": the generator's weights; "ema": their average (default: the average if the run has one).
      settings: of the run, to find it (e.g. g_ema=0.999), or for its use (e.g. data_dir="data").
    Raises: UserError if there is no such run, or an argument is impossible.
    """
    own = Runs(options.PLACES["out_dir"].convert("out_dir", out_dir or "."))
    runs, name, given, chosen = choices_of(source, own)
    chosen |= {"best": best, "iteration": iteration, "weights": weights}
    selection = select(runs, name, given | settings, chosen)
    if out_dir:
        selection = selection._replace(run=own.named(selection.run.name))
    start_tensorflow()
    return TrainedRun(selection)


def read(dataset: str | Path, **settings: Any) -> tuple[np.ndarray, np.ndarray, Config]:
    """Read a data set as a training would.

    Args:
      dataset: as in `train`.
      settings: those of the data, e.g. output_height=64, fit="cover", split="test".
    Returns: the images, uint8 [N, H, W, C]; their labels, int32 [N]; the settings that a run on them has, with which
      `dcgan_tf.networks.build_generator` and `build_discriminator` make its networks.
    Raises: UserError if it cannot be read, or does not fit the settings.
    """
    from dcgan_tf.data.dataset import read_dataset

    asked = ask(check_given({"dataset": dataset} | settings))
    with device_errors("a smaller cache_gb"):
        found = read_dataset(asked)
    return found.images, found.labels, resolve(asked, found.decides)


def train(
    dataset: str | Path,
    *,
    out_dir: str | Path = ".",
    out_name: str = "",
    preset: str = "",
    resume: bool = False,
    init_from: str | Path = "",
    checkpoint: str | Path = "",
    pretrained: bool = False,
    on_log: Callable[[dict[str, float]], object] | None = None,
    on_evaluate: Callable[[dict[str, float]], object] | None = None,
    verbose: bool = False,
    **settings: Any,
) -> TrainedRun | None:
    """Train a run, and return it. Its `finished` says whether it has reached its end.

    Ctrl-C, and StopTraining raised in a callback, save a checkpoint and return. SIGTERM saves a checkpoint and then
    ends the program with the exit code 143, unless the program has a handler for it: that is called, and `train`
    returns. Any other exception in a callback comes through, after a checkpoint is saved. Of several workers that train
    together, the first one has the run; the others return None.

    Args:
      dataset: a folder of images, mnist, or a name of tensorflow-datasets.
      out_dir, out_name: the folder for checkpoints/, samples/ and logs/, and the run's name (default: a new name).
      preset: "auto", which looks at the images, "paper", "best", "small", "photos" or "large".
      resume: continue the run out_name, which begins now if there is none, or the newest of this data set.
      init_from: whose weights the new run begins with: as the source of `load`, e.g. "pretrained:mouths".
      checkpoint: a checkpoint of the original program that the new run begins with.
      pretrained: begin with the pretrained run of this data set.
      on_log: called every log_freq iterations with {"iteration": ..., "d_loss": ..., "g_loss": ..., ...}.
      on_evaluate: called every evaluate_freq iterations with {"iteration": ..., "kid": ..., ...}.
      verbose: show what the command shows.
      settings: any setting of the command line, e.g. epoch=1, batch_size=32.
    Raises: UserError if a setting is impossible, the data cannot be read, or the training fails.
    """
    from dcgan_tf.training import start

    how = {
        "resume": resume,
        "preset": preset,
        "init_from": init_from,
        "checkpoint": checkpoint,
        "pretrained": pretrained,
    }
    runs = Runs(options.PLACES["out_dir"].convert("out_dir", out_dir))
    name = options.PLACES["out_name"].convert("out_name", out_name)
    for callback, function in {"on_log": on_log, "on_evaluate": on_evaluate}.items():
        if function is not None and not callable(function):
            raise wrong(callback, "a function", function)
    with shown(verbose):
        outcome = start.train(runs, name, {"dataset": dataset} | settings, how, (on_log, on_evaluate))
    if outcome.signal:
        pass_on(outcome.signal)
    if outcome.run is None:
        return None
    return TrainedRun(select(runs, outcome.run.name, {}, {}), outcome.finished)
