"""--evaluate: how good a run's images are, as a table, metrics.json, TensorBoard scalars and a sheet."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import tensorflow as tf

from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.evaluation.features import discriminator_features
from dcgan_tf.runs.run import OF_EVALUATION, is_same_data
from dcgan_tf.runs.select import Selection
from dcgan_tf.runs.weights import Original
from dcgan_tf.sampling.sampler import Sampler
from dcgan_tf.sampling.sheets import save
from dcgan_tf.system import image_files
from dcgan_tf.system.files import atomic_write
from dcgan_tf.system.messages import say
from dcgan_tf.system.write_errors import warn_on_write_error

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


def evaluate(selection: Selection) -> dict[str, Any]:
    """Measure a run: show the table, and write metrics.json, TensorBoard scalars and nearest.png, or warn if it cannot.

    Returns: the content of metrics.json.
    Raises: UserError if the checkpoint or the data set cannot be read.
    """
    run = selection.run
    config = selection.config
    note = other_data(selection)
    if note:  # none of these images was held out
        config = dataclasses.replace(config, hold_out=0.0)
    generator, origin = selection.weights.generator(config)
    say(f"Generator: {origin.path}")
    sampler = Sampler(generator, config)
    of_discriminator = None
    if config.has_labels and selection.weights.has_discriminator:
        of_discriminator = discriminator_features(selection.weights.at(origin), config)
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
    with warn_on_write_error("The figures of the evaluation"):
        run.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(run.folder / "metrics.json") as temporary:
            temporary.write_text(json.dumps(facts | scores, indent=1), encoding="utf-8")
        say(f"Wrote {run.folder / 'metrics.json'}")
    with warn_on_write_error("The curves"):
        writer = tf.summary.create_file_writer(str(run.logs_folder), filename_suffix=OF_EVALUATION)
        write_scalars(writer, scores, iteration)
    with warn_on_write_error("The sheet"):
        save(image_files.save_png, run.samples_folder / "nearest.png", evaluator.nearest_sheet(sampler))
    return facts | scores


def other_data(selection: Selection) -> str:
    """Return a sentence if the images are not those of the training; blank if they are, or if that is unknown."""
    config = selection.config
    if isinstance(selection.weights, Original):
        return ""
    own = selection.weights.config({})
    same = is_same_data(own.dataset, config.dataset, own.data_dir, config.data_dir)
    if same and own.input_fname_pattern == config.input_fname_pattern:
        return ""
    measured, trained = (" ".join([c.dataset, c.input_fname_pattern]).strip() for c in (config, own))
    return f"Measured on the images of {measured}; the run was trained on those of {trained}."


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
