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
    chosen = bool(plan.given.keys() & {"epoch", "iterations"})
    if plan.run and (config.epoch, config.iterations) != (Asked.epoch, Asked.iterations):  # when it began
        chosen = True
    if total >= ENOUGH or plan.weights or chosen:
        return ""
    return (
        f"{total:,} iterations are few: images that one can recognize usually take {ENOUGH:,} or more; give"
        " --iterations 15000 (for a run that exists with --resume), or --preset auto for a new run."
    )


def hints(config: Config, dataset: Dataset, cluster: Cluster, plan: Plan) -> list[str]:
    """Return what to say at this start: the first of the rows that apply, but none about what the user gave."""
    few = too_few_iterations(config, dataset, plan)
    if plan.run:  # what its images are like was said when it began
        return [few] if few else []
    count, height, width, channels = dataset.images.shape
    missed = dataset.missed
    copies = dataset.copies()
    classes = len(dataset.label_names)
    labels = dataset.labels[dataset.labels >= 0]
    smallest = np.bincount(labels, minlength=config.y_dim)[: config.y_dim].min(initial=count)
    side = dataset.sizes.max()
    times = round(height * width / side**2)  # as fast
    shape = np.median(dataset.sizes[:, 1] / dataset.sizes[:, 0]) * height / width  # 1: as that of the networks' images
    batch = config.batch_size
    devices = cluster.strategy.num_replicas_in_sync
    given = plan.given.keys()
    large = max(height, width) > FINISHED
    small = 1.5 * side < min(height, width) and not given & {"output_height", "crop"}
    squeezed = not 0.8 < shape < 1.25 and not given & {"fit", "crop", "output_width"}
    shared = devices > 1 and len(cluster.members) == 1 and not given & {"strategy", "batch_size"}
    photographs = (height, width, channels) == (32, 32, 3) and count <= FEW and dataset.equal_neighbours() < DRAWN
    better = photographs and not (plan.weights or config.y_dim) and not given & {"gf_dim", "df_dim", "stages", "z_dim"}
    unlabelled = classes > 1 and not config.y_dim and "conditional" not in given
    rows = [
        (bool(few), few),
        (large, f"nobody has trained {width}x{height} to the end; {FINISHED}x{FINISHED} works (docs/networks.md)."),
        (count < DRAWINGS, f"{count:,} images are very few: drawings work from {DRAWINGS} on, photographs need more."),
        (missed >= SHARE * count, f"{missed:,} files that may be images are left out: see Ignored or Skipped."),
        (copies >= SHARE * count, f"{copies:,} of {count:,} images are copies of others; remove them."),
        (smallest < DRAWINGS <= count, f"a class has only {smallest:,} images; drawings need {DRAWINGS} or more."),
        (small, f"no image is larger than {side}x{side}: --output_height {side} is about {times} times as fast."),
        (squeezed, f"most images are squeezed to {width}x{height}; --fit cover cuts off two sides instead."),
        (
            shared,
            f"{devices} devices share {batch} images of a batch: --batch_size {devices * batch} gives each as many.",
        ),
        (better, "photographs of 32x32 are better with --init_from pretrained:photos."),
        (unlabelled, f"the images have {classes} classes: --conditional trains with them."),
    ]
    return [text for applies, text in rows if applies][:MOST]
