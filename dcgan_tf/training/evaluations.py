"""Evaluations during a training (--evaluate_freq), which keep the best checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.evaluation.evaluate import write_scalars
from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.evaluation.metrics import score
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import reason, warn_on_write_error
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import say, warn
from dcgan_tf.training.curves import Curves


class PeriodicEvaluator:
    """Evaluates during a training: writes curves, says a line, and keeps the best checkpoint in the folder best."""

    def __init__(self, config: Config, run: Run, model: DCGAN, dataset: Dataset, curves: Curves):
        self.curves = curves
        self.scores_file = run.best_folder / "metrics.json"
        self.evaluator = Evaluator(config, 0, dataset)
        self.sampler = Sampler(model.sampler, config)
        self.checkpoints = Checkpoints(model, run.best_folder, 1)

    def measure(self, iteration: int) -> None:
        """Evaluate now, and save the checkpoint if its score is the best so far."""
        scores = self.evaluator.measure(self.sampler)
        with warn_on_write_error("The curves"):
            write_scalars(self.curves.writer, scores, iteration)
        say(f"Iteration {iteration}: " + ", ".join(f"{name} {value:.4g}" for name, value in scores.items()))
        current = score(scores)
        facts = {"generated": self.evaluator.count, "feature_space": self.evaluator.space.name}
        best = read_score(self.scores_file, facts)
        if current is not None and (best is None or current < best):
            self.checkpoints.save()
            with atomic_write(self.scores_file) as temporary:
                temporary.write_text(json.dumps({"iteration": iteration} | facts | scores, indent=1), encoding="utf-8")


def read_score(file: Path, facts: dict[str, Any]) -> tuple[float, ...] | None:
    """Return the score of the best checkpoint; None if there is none, or it cannot be compared with others.

    Args:
      facts: how the others are measured: generated, the number of images, and feature_space.
    """
    if not file.exists():
        return None
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        before = {name: saved.get(name, value) for name, value in facts.items()}
        current = score(saved)
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        warn(
            f"The scores of the best checkpoint in {file} cannot be read ({reason(error)}); the next checkpoint that is"
            " evaluated takes its place."
        )
        return None
    if before != facts:
        warn(
            f"The best checkpoint was measured with {before['generated']} images in the feature space"
            f" {before['feature_space']!r}, but now it is {facts['generated']} and {facts['feature_space']!r}; the next"
            " checkpoint that is evaluated takes its place."
        )
        return None
    return current
