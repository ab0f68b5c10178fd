"""What is said before a training that would disappoint: an ordered list of hints, of which three at most are said."""

from __future__ import annotations

import numpy as np

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.settings.config import Asked, Config
from dcgan_tf.settings.options import DRAWN, FEW
from dcgan_tf.training.cluster import Cluster
from dcgan_tf.training.plan import Plan
from dcgan_tf.training.schedule import Schedule

MOST = 3  # hints of a start
ENOUGH = 2_000  # iterations that gave different mouths, where 100 gave fog (docs/training.md)
DRAWINGS = 100  # images that were enough for drawings (docs/small.md)
SHARE = 0.05  # of the images, if they are left out or copies
FINISHED = 128  # the largest side of images with which a training was made to its end (docs/networks.md)


def too_few_iterations(config: Config, dataset: Dataset, plan: Plan) -> str:
    """Return the hint that a finished training repeats; blank if it has enough iterations, or the user chose them."""
    total = Schedule(config, len(dataset.images)).total
    chosen = config.iterations or config.epoch != Asked.epoch or "epoch" in plan.given
    if total >= ENOUGH or plan.weights or chosen:
        return ""
    return (
        f"{total:,} iterations are few: images that one can recognize usually take {ENOUGH:,} or more; give"
        " --iterations 15000 (for a run that exists with --resume), or --preset auto for a new run."
    )


def hints(config: Config, dataset: Dataset, cluster: Cluster, plan: Plan) -> list[str]:
    """Return what to say when a run begins: the first of the rows that apply, but none about what the user gave.

    Args: config: of the run; plan: with what the user gave, and the weights that it begins with.
    Returns: at most MOST sentences, the most important first.
    """
    count, height, width, _ = dataset.images.shape
    size = f"{width}x{height}"
    few = too_few_iterations(config, dataset, plan)
    copies = dataset.copies()
    side = dataset.sizes.max()
    enlarged = 1.5 * side < min(height, width)
    shapes = dataset.sizes[:, 1] / dataset.sizes[:, 0] * height / width  # 1: as that of the networks' images
    squeezed = not 0.8 < np.median(shapes) < 1.25
    devices = cluster.strategy.num_replicas_in_sync
    whole = devices * config.batch_size
    small = config.image_shape == (32, 32, 3) and count <= FEW
    better = small and not (config.y_dim or plan.weights) and dataset.equal_neighbours() < DRAWN
    classes = len(dataset.label_names)
    smallest = min((np.sum(dataset.labels == label) for label in range(config.y_dim)), default=count)
    rows = [  # whether it applies, the settings with which a user has decided that, the hint
        (few, "", few),
        (max(height, width) > FINISHED, "", f"nobody has trained {size} to the end; {FINISHED}x{FINISHED} works."),
        (count < DRAWINGS, "", f"{count:,} images are very few: drawings need {DRAWINGS}, photographs more."),
        (dataset.missed >= SHARE * count, "", f"{dataset.missed:,} files that may be images are left out, see above."),
        (copies >= SHARE * count, "", f"{copies:,} of {count:,} images are copies of others; remove them."),
        (smallest < DRAWINGS <= count, "", f"a class has only {smallest:,} images; drawings need {DRAWINGS} or more."),
        (enlarged, "output_height crop", f"no image is larger than {side}x{side}: --output_height {side} is faster."),
        (squeezed, "fit crop output_width", f"most images are squeezed to {size}; --fit cover cuts off two sides."),
        (devices > 1, "strategy batch_size", f"{devices} devices share each batch: --batch_size {whole} is better."),
        (
            classes > 1 and not config.y_dim,
            "conditional",
            f"the images have {classes} classes: --conditional trains with them.",
        ),
        (better, "gf_dim df_dim stages z_dim", "photographs of 32x32 are better with --init_from pretrained:photos."),
    ]
    given = plan.given.keys()
    return [text for applies, settings, text in rows if applies and not given & set(settings.split())][:MOST]
