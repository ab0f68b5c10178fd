"""--evaluate: how good a run's images are, as a table, metrics.json, TensorBoard scalars and a sheet."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import tensorflow as tf

from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.evaluation.features import discriminator_features
from dcgan_tf.runs.run import OF_EVALUATION, Run
from dcgan_tf.runs.select import Selection, images_of, is_other_data
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.sampling.sheets import save
from dcgan_tf.system import image_files
from dcgan_tf.system.errors import UserError, reason, warn_on_write_error
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import say, warn

PERCENT = ".2%"
NUMBER = ".4g"
# The title and the format of each metric in the table. To add a metric, write a pure function on arrays in metrics.py
# with a test worked out by hand, call it in `Evaluator.measure` (evaluator.py), and add a row here.
TITLES = {
    "nearest_neighbour_error": ("1-NN error, classifier knows generated images only", PERCENT),
    "control_error": ("1-NN error, classifier knows real training images (control)", PERCENT),
    "class_accuracy": ("generated images classified as the class asked for", PERCENT),
    "class_accuracy_real": ("real images classified correctly (control)", PERCENT),
    "svm_error": ("linear SVM on D's features, error with all labels", PERCENT),
    "svm_error_few": ("linear SVM on D's features, error with {few_labels:,} labels", PERCENT),
    "fid": ("FID", NUMBER),
    "frechet": ("Frechet distance in the feature space below (not FID)", NUMBER),
    "kid": ("kernel distance (KID)", NUMBER),
    "kid_spread": ("KID, standard deviation over subsets of 1,000 images", NUMBER),
    "swd": ("sliced Wasserstein distance of patches (SWD)", NUMBER),
    "copying": ("nearer to a training image than to an unseen one (unseen: 50%)", PERCENT),
    "copying_features": ("the same in the feature space", PERCENT),
    "precision": ("precision", PERCENT),
    "recall": ("recall", PERCENT),
}


SCORED = ("nearest_neighbour_error", "fid", "frechet", "swd")  # metrics that compare checkpoints, the first one first


def score(scores: dict[str, float]) -> tuple[float, ...] | None:
    """Return the metrics by which checkpoints are compared, lower is better; None if none is a finite number.

    The 1-NN error decides, then FID or another Frechet distance, then SWD: on few images the first can be 0 for many
    checkpoints. A metric that is missing or not finite counts as infinite.
    """
    values = [scores.get(name, math.inf) for name in SCORED]
    finite = [value if math.isfinite(value) else math.inf for value in values]
    if min(finite) == math.inf:
        return None
    return tuple(finite)


def evaluate(selection: Selection, *, must_write: bool = True) -> dict[str, Any]:
    """Measure a run: show the table, and write TensorBoard scalars, nearest.png and metrics.json.

    Args:
      must_write: whether it is an error, and not a warning, if metrics.json cannot be written.
    Returns: the content of metrics.json.
    Raises: UserError if the checkpoint or the data set cannot be read.
    """
    run = selection.run
    config = selection.config
    note = other_data(selection)
    if note:  # none of these images was held out
        config = dataclasses.replace(config, hold_out=0.0)
    origin = selection.weights.origin()
    say(f"Generator: {origin.path}")
    sampler = Sampler(selection.weights.generator(), config)
    of_discriminator = None
    if config.y_dim > 1 and selection.weights.has_discriminator:
        of_discriminator = discriminator_features(selection.weights, config)
    evaluator = Evaluator(config, config.seed)
    scores = evaluator.measure(sampler) | evaluator.controls(of_discriminator)
    iteration = origin.iteration or 0
    facts = {
        "checkpoint": origin.path,
        "iteration": iteration,
        "split": config.split,
        "saw_test_pictures": evaluator.has_test and config.split != "train" and not config.hold_out and not note,
        "note": note or evaluator.note(),
        "weights": selection.weights.kind,
        "truncation": config.truncation,
        "generated": evaluator.count,
        "first_seed": config.seed,
        "real_training_pictures": len(evaluator.train.images),
        "real_test_pictures": evaluator.test_count,
        "few_labels": evaluator.few_labels,
        "feature_space": evaluator.space,
    }
    say(table(scores, facts))
    sheet = evaluator.nearest_sheet(sampler)
    with warn_on_write_error("The sheet"):
        save(image_files.save_png, run.samples_folder / "nearest.png", sheet)
    with warn_on_write_error("The curves"):
        writer = tf.summary.create_file_writer(str(run.logs_folder), filename_suffix=OF_EVALUATION)
        write_scalars(writer, scores, iteration)
    write_figures(run, facts | scores, must_write)
    return facts | scores


def write_figures(run: Run, figures: dict[str, Any], must_write: bool) -> None:
    """Write metrics.json. If it cannot be written, raise UserError, or warn."""
    file = run.folder / "metrics.json"
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as temporary:
            temporary.write_text(json.dumps(figures, indent=1), encoding="utf-8")
    except OSError as error:
        text = f"The figures of the evaluation could not be written to {file} ({reason(error)})"
        if must_write:
            raise UserError(f"{text}; make room there, or copy the run; they are in the table above.") from error
        warn(f"{text}.")
        return
    say(f"Wrote {file}")


def other_data(selection: Selection) -> str:
    """Return a sentence if the images are not those of the training; blank if they are, or if that is unknown."""
    if not selection.weights.knows_data:
        return ""
    trained = selection.weights.config
    if not is_other_data(trained, selection.config):
        return ""
    return f"Measured on {images_of(selection.config)}; the run was trained on {images_of(trained)}."


def table(scores: dict[str, float], facts: dict[str, Any]) -> str:
    """Return the metrics as text."""
    what = f"{facts['generated']:,} generated images of iteration {facts['iteration']:,}"
    lines = [f"Measured on {what}, {facts['weights']}, truncation {facts['truncation']:g}:"]
    for name, (title, number_format) in TITLES.items():
        if name in scores:
            lines.append(f"  {title.format(**facts):64}{scores[name]:>9{number_format}}")
    lines += [f"Feature space: {facts['feature_space']}", facts["note"]]
    return "\n".join(lines)


def write_scalars(writer: tf.summary.SummaryWriter, scores: dict[str, float], iteration: int) -> None:
    """Write each metric to TensorBoard, as evaluate/<name>."""
    with writer.as_default(step=iteration):
        for name, value in scores.items():
            tf.summary.scalar(f"evaluate/{name}", value)
    writer.flush()
