"""--evaluate: how good a run's images are, as a table, metrics.json, TensorBoard scalars and a sheet."""

from __future__ import annotations

import json
from typing import Any

import tensorflow as tf

from dcgan_tf.evaluation.evaluator import FEW_LABELS, Evaluator
from dcgan_tf.runs import checkpoint
from dcgan_tf.runs.run import Run
from dcgan_tf.sampling import sheets
from dcgan_tf.settings.config import Config
from dcgan_tf.system import image_files
from dcgan_tf.system.files import atomic_write

PERCENT, NUMBER = ".2%", ".4g"
# The title and the format of each metric in the table. To add a metric, write a pure function on arrays in metrics.py
# with a test worked out by hand, call it in `Evaluator.measure` (evaluator.py), and add a row here.
TITLES = {
    "nearest_neighbour_error": ("1-NN error, classifier knows generated images only", PERCENT),
    "control_error": ("1-NN error, classifier knows real training images (control)", PERCENT),
    "class_accuracy": ("generated images classified as the class asked for", PERCENT),
    "class_accuracy_real": ("real test images classified correctly (control)", PERCENT),
    "svm_error": ("linear SVM on D's features, error with all labels", PERCENT),
    "svm_error_few": (f"linear SVM on D's features, error with {FEW_LABELS:,} labels", PERCENT),
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


def score(scores: dict[str, float]) -> float | None:
    """Return the metric by which checkpoints are compared; lower is better.

    It is the 1-NN error, else FID or another Frechet distance, else SWD.
    """
    names = ("nearest_neighbour_error", "fid", "frechet", "swd")
    return next((scores[name] for name in names if name in scores), None)


def evaluate(run: Run, config: Config) -> dict[str, Any]:
    """Measure a run: print the table, and write metrics.json, TensorBoard scalars and nearest.png.

    Returns: the content of metrics.json.
    Raises: UserError if the checkpoint or the data set cannot be read.
    """
    generator, path = checkpoint.load_generator(run, config)
    print(f"Generator: {path}")
    sample_fn = sheets.make_sample_fn(generator, config)
    evaluator = Evaluator(config)
    scores = evaluator.measure(sample_fn) | evaluator.controls(run)
    iteration = checkpoint.iteration_of(path) or 0
    write_scalars(tf.summary.create_file_writer(str(run.logs)), scores, iteration)
    facts = {
        "checkpoint": path,
        "iteration": iteration,
        "split": config.split,
        "saw_test_pictures": evaluator.has_test and config.split != "train",
        "note": evaluator.note(),
        "generated": config.evaluate_samples,
        "first_seed": config.seed,
        "real_training_pictures": len(evaluator.train.images),
        "real_test_pictures": len(evaluator.test.images) if evaluator.has_test else 0,
        "feature_space": evaluator.space,
    }
    print(table(scores, facts))
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    with atomic_write(run.checkpoints / "metrics.json") as temporary:
        temporary.write_text(json.dumps(facts | scores, indent=1), encoding="utf-8")
    print(f"Wrote {run.checkpoints / 'metrics.json'}")
    sheet = evaluator.nearest_sheet(sample_fn)
    sheets.save_and_print(image_files.save_png, run.samples / "nearest.png", sheet)
    return facts | scores


def table(scores: dict[str, float], facts: dict[str, Any]) -> str:
    """Return the metrics as text."""
    lines = [f"Measured on {facts['generated']:,} generated images of iteration {facts['iteration']:,}:"]
    for name, (title, number_format) in TITLES.items():
        if name in scores:
            lines.append(f"  {title:64}{scores[name]:>9{number_format}}")
    lines += [f"Feature space: {facts['feature_space']}", facts["note"]]
    return "\n".join(lines)


def write_scalars(writer: tf.summary.SummaryWriter, scores: dict[str, float], iteration: int) -> None:
    """Write each metric to TensorBoard, as evaluate/<name>."""
    with writer.as_default(step=iteration):
        for name, value in scores.items():
            tf.summary.scalar(f"evaluate/{name}", value)
    writer.flush()
