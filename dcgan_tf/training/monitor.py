"""Checks during a training: is all finite, has it collapsed, which checkpoint is the best."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan_tf import losses
from dcgan_tf.evaluation.evaluate import write_scalars
from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.evaluation.metrics import score
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.options import FEW
from dcgan_tf.system.errors import UserError, warn_on_write_error
from dcgan_tf.system.files import write_bytes
from dcgan_tf.system.messages import say, warn

COLLAPSE_STD = 0.01  # if the pixels of a batch vary less than this (range 1), the generator has collapsed ...
COLLAPSE_START = 1000  # ... but not before this iteration: an untrained generator makes nearly equal images, too
LOW_D_LOSS_ITERATIONS = 1000  # how long a low d_loss is usual


class Monitor:
    """Checks the losses, weights and samples of one training."""

    def __init__(self, config: Config):
        self.config = config
        self.warned: set[str] = set()
        self.low_d_loss_since = math.inf  # iteration; infinite while d_loss is not low

    def check_losses(self, logged: dict[str, np.ndarray], iteration: int) -> dict[str, float]:
        """Return the losses, which are the scalars that were logged, as numbers; warn if d_loss stays low.

        Args: logged: arrays by name; iteration: which logged them.
        Raises: UserError if a loss is not finite.
        """
        values = {name: float(value) for name, value in logged.items() if value.ndim == 0}
        if not np.isfinite(list(values.values())).all():
            text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise self._stop_error(f"a loss is not finite ({text})", iteration)
        self.low_d_loss_since = min(self.low_d_loss_since, iteration)
        if not losses.is_low(values["d_loss"]):
            self.low_d_loss_since = math.inf
        if iteration - self.low_d_loss_since >= LOW_D_LOSS_ITERATIONS:
            self._warn_once(
                f"the discriminator's loss has stayed near 0 for {LOW_D_LOSS_ITERATIONS} iterations, so the generator"
                f" learns nothing any more; with up to {FEW:,} images, train a new run with --preset auto, else with a"
                " lower --learning_rate or more images."
            )
        return values

    def check_weights(self, model: DCGAN, iteration: int) -> None:
        """Raise UserError if a weight is not finite. Called before each checkpoint."""
        for name in model.not_finite():
            raise self._stop_error(f"{name} is not finite", iteration)

    def check_samples(self, images: np.ndarray, iteration: int) -> None:
        """Warn if generated images, uint8 [N, H, W, C], are nearly equal from iteration COLLAPSE_START on."""
        if iteration < COLLAPSE_START or len(images) < 2:
            return
        if images.std(axis=0).mean() < 255 * COLLAPSE_STD:
            self._warn_once(
                "the generator's images are nearly all the same (it has collapsed); train a new run with another"
                " --seed, a lower --learning_rate, more varied images, or --preset auto."
            )

    def _warn_once(self, text: str) -> None:
        if self.config.warn_collapse and text not in self.warned:
            self.warned.add(text)
            warn(f"{text} See docs/training.md; --nowarn_collapse turns this warning off.")

    def _stop_error(self, what: str, iteration: int) -> UserError:
        return UserError(
            f"Training stopped at iteration {iteration} because {what}; the last good checkpoint is kept;"
            f" try a lower --learning_rate than {self.config.learning_rate:g}, --precision float32, or other data."
        )


class PeriodicEvaluator:
    """Evaluates during a training (--evaluate_freq): writes curves, says a line, and keeps the best checkpoint."""

    def __init__(self, run: Run, model: DCGAN, writer: tf.summary.SummaryWriter):
        """Args: writer: of the training's curves."""
        self.writer = writer
        self.scores_file = run.best_folder / "metrics.json"
        self.evaluator = Evaluator(model.config)
        self.sampler = Sampler(model.sampler, dataclasses.replace(model.config, seed=0))
        self.checkpoints = Checkpoints(model, run.best_folder, 1)

    def measure(self, iteration: int, logged: object) -> dict[str, float]:
        """Evaluate now, and save the checkpoint if its score is the best so far.

        The scores of the best one are in metrics.json beside it, also for a training that continues.
        Returns: the scores by name.
        """
        scores = self.evaluator.measure(self.sampler)
        with warn_on_write_error("The curves"):
            write_scalars(self.writer, scores, iteration)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        say(f"Iteration {iteration}: {shown}")
        current = score(scores)
        best = read_score(self.scores_file, self.evaluator.facts)
        if current is not None and (best is None or current < best):
            self.checkpoints.save()
            text = json.dumps({"iteration": iteration} | self.evaluator.facts | scores, indent=1)
            write_bytes(self.scores_file, text.encode())
        return scores


def read_score(file: Path, facts: dict[str, Any]) -> tuple[float, ...] | None:
    """Return the score of the best checkpoint; None if there is none, or it cannot be read or compared with others.

    Args:
      facts: how the others are measured, see Evaluator.
    """
    if not file.exists():
        return None
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        saved = json.loads(file.read_bytes())
        if facts.items() <= saved.items():
            return score(saved)
    warn(
        f"The scores of the best checkpoint in {file} cannot be read or compared; the next checkpoint that is evaluated"
        " takes its place."
    )
    return None
