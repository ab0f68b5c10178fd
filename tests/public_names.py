"""Uses every public name of dcgan_tf with its types: tests/test_api.py gives it to mypy --strict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import dcgan_tf


def stop_early(values: dict[str, float]) -> None:
    if values["iteration"] > 100 and values["d_loss"] < 0.01:
        raise dcgan_tf.StopTraining


def use(run: dcgan_tf.TrainedRun) -> dict[str, np.ndarray]:
    images: np.ndarray = run.generate(4, seed=1, classes="cat")
    images = run.generate(z=run.z([1, 2]), labels=np.array([0, 1]))
    images = run.interpolate([1, 2], steps=8)
    found = run.project(images[0, 0, 0])
    gray_levels: float = found.rms
    scores: dict[str, Any] = run.evaluate(evaluate_samples=1000)
    folder: Path = run.export("exported")
    config: dcgan_tf.Config = run.config
    settings: dict[str, Any] = run.settings | {"seed": config.seed}
    state: tuple[str, int | None, bool | None] = (run.name, run.iteration, run.finished)
    print(scores, folder, settings, state, gray_levels, run.samples, run.generator, run.discriminator)
    return run.losses()


def main() -> None:
    try:
        run = dcgan_tf.train("cats", epoch=1, on_log=stop_early, on_evaluate=print)
    except dcgan_tf.UserError as error:
        raise SystemExit(str(error)) from error
    if run:
        use(run)
    use(dcgan_tf.load(Path("folder"), out_dir="here"))
    images, labels, config = dcgan_tf.read("cats", output_height=32)
    print(images.shape, labels.shape, dcgan_tf.networks.build_generator(config), dcgan_tf.losses.g_loss)
    print(dcgan_tf.DcganWarning.__name__, dcgan_tf.__version__)
