"""--evaluate: how good a run's images are, as a table, metrics.json, TensorBoard scalars and a sheet. --features."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.evaluation.distances import nearest
from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.evaluation.metrics import FEW_LABELS, METRICS
from dcgan_tf.evaluation.spaces import DiscriminatorSpace
from dcgan_tf.pixels import blocks
from dcgan_tf.runs.run import OF_EVALUATION
from dcgan_tf.runs.select import Selection, images_of, is_other_data
from dcgan_tf.sampling.sampler import Sampler, load_sampler
from dcgan_tf.sampling.sheets import save, save_sheet
from dcgan_tf.settings.setting import wrong
from dcgan_tf.system.errors import warn_on_write_error
from dcgan_tf.system.files import atomic_write, write_bytes
from dcgan_tf.system.messages import say

NEAREST_ROWS, NEAREST_COLUMNS = 5, 10  # of generated images in nearest.png


def evaluate(selection: Selection) -> dict[str, Any]:
    """Measure a run: show the table, and write TensorBoard scalars, nearest.png and metrics.json.

    Returns: the content of metrics.json.
    Raises: UserError if the checkpoint or the data set cannot be read.
    """
    config = selection.config
    weights = selection.weights
    is_other = weights.knows_data and is_other_data(weights.config, config)
    unseen = is_other and config.input_fname_pattern == weights.config.input_fname_pattern
    if unseen:  # none of these images was held out
        config = dataclasses.replace(config, hold_out=0.0)
    sampler = load_sampler(selection)
    evaluator = Evaluator(config)
    scores = evaluator.measure(sampler, weights)
    origin = weights.origin()
    saw_test, note = what_it_saw(evaluator)
    if is_other:
        note = f"Measured on {images_of(config)}; the run was trained on {images_of(weights.config)}."
    facts: dict[str, Any] = {
        "checkpoint": origin.path,
        "iteration": origin.iteration or 0,
        "split": config.split,
        "saw_test_pictures": saw_test and not unseen,
        "note": note,
        "weights": weights.kind,
        "truncation": config.truncation,
        "first_seed": config.seed,
        "real_training_pictures": len(evaluator.train.images),
        "real_test_pictures": evaluator.train.has_test * len(evaluator.test.images),
        "few_labels": FEW_LABELS,
    } | evaluator.facts
    say(table(scores, facts))
    with warn_on_write_error("The sheet"):
        save_sheet(selection, "nearest.png", nearest_images(evaluator, sampler), NEAREST_COLUMNS)
    with warn_on_write_error("The curves"):
        writer = tf.summary.create_file_writer(str(selection.run.logs_folder), filename_suffix=OF_EVALUATION)
        write_scalars(writer, scores, facts["iteration"])
    content = facts | scores
    with warn_on_write_error("metrics.json"):
        save(write_bytes, selection.run.folder / "metrics.json", json.dumps(content, indent=1).encode())
    return content


def what_it_saw(evaluator: Evaluator) -> tuple[bool, str]:
    """Return whether the run was trained on the test images that it is measured on, and a sentence about that."""
    config = evaluator.config
    if not evaluator.train.has_test:
        return False, "The data set has no test part: everything is measured on the images that the run was trained on."
    if config.hold_out or config.split == "train":
        return False, "Measured on images that the run has not seen (--hold_out or --split train)."
    return True, (
        f"The run was also trained on the test images (--split {config.split}), so its figures are too good; for fair"
        " figures train with --split train."
    )


def table(scores: dict[str, float], facts: dict[str, Any]) -> str:
    """Return the metrics as text.

    Args:
      scores: the figures by the names of METRICS.
      facts: what metrics.json has beside them, such as generated and iteration.
    """
    title = (
        f"Measured on {facts['generated']:,} generated images of iteration {facts['iteration']:,}, {facts['weights']},"
        f" truncation {facts['truncation']:g}"
    )
    if "generated_classes" in facts:
        title += f", classes {facts['generated_classes']}"
    rows = [
        f"  {metric.title:64}{scores[metric.name]:>9{metric.format}}" for metric in METRICS if metric.name in scores
    ]
    return "\n".join([f"{title}:", *rows, f"Feature space: {facts['feature_space']}", facts["note"]])


def nearest_images(evaluator: Evaluator, sampler: Sampler) -> np.ndarray:
    """Return rows of generated images and, after each row, the training images that are nearest to them in pixels."""
    seeds = sampler.seeds(NEAREST_ROWS * NEAREST_COLUMNS)
    images = sampler.images(sampler.z(seeds), sampler.labels(seeds, range(sampler.config.y_dim)))
    real = evaluator.train.images[nearest(images, evaluator.train.images)]
    rows = []
    for row in blocks(len(images), NEAREST_COLUMNS):
        rows += [images[row], real[row]]
    return np.concatenate(rows)


def write_scalars(writer: tf.summary.SummaryWriter, scores: dict[str, float], iteration: int) -> None:
    """Write each metric to TensorBoard, as evaluate/<name> at that iteration."""
    with writer.as_default(step=iteration):
        for name, value in scores.items():
            tf.summary.scalar(f"evaluate/{name}", value)
    writer.flush()


def write_features(selection: Selection, file: str) -> None:
    """Write the discriminator's features of the data set as .npz: features, labels, class_names.

    They are float32 [N, D], int32 [N] and strings [Y].

    Raises: UserError if the data set or the checkpoint cannot be read.
    """
    path = Path(file)
    if path.suffix != ".npz" or path.is_dir():  # nothing else is ever replaced
        raise wrong("features", "the name of an .npz file to write", file)
    dataset = read_dataset(selection.config)
    features = DiscriminatorSpace(selection.weights).of(dataset.images)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        np.savez(temporary, features=features, labels=dataset.labels, class_names=np.array(dataset.label_names, str))
    say(f"Wrote {path.absolute()}: features {features.shape[0]:,} x {features.shape[1]:,}, and labels")
