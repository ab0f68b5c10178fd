"""What a user is told of the images of a data set."""

from __future__ import annotations

import numpy as np

from dcgan_tf.data.image_spec import ImageSpec
from dcgan_tf.data.prepare import Prepared
from dcgan_tf.system.errors import printable
from dcgan_tf.system.messages import report, say, warn

LISTED = 10  # images that cannot be read, in the summary
SMALL_CROP = 0.1  # part of the median image below which --crop warns
FEW = 16  # images, below which nothing can be said of all
DARK = 1 / 16  # part of the range below which all images are nearly black


def say_summary(prepared: Prepared, spec: ImageSpec, class_names: tuple[str, ...]) -> None:
    """Say the number, kind and sizes of the images, the classes, and which images could not be read."""
    count, height, width, channels = prepared.images.shape
    by_area = prepared.sizes[np.argsort(prepared.sizes.prod(1), kind="stable")]
    smallest, median, largest = (f"{w}x{h}" for h, w in by_area[[0, count // 2, -1]].tolist())
    colour = "gray" if channels == 1 else "colour"
    sizes = f"width x height: smallest {smallest}, median {median}, largest {largest}"
    report("Images", f"{count:,}, {colour}; {sizes}")
    report("Prepared", _how_prepared(prepared, spec))
    if class_names:
        counts = [np.count_nonzero(prepared.labels == label) for label in range(len(class_names))]
        classes = [f"{printable(name)} {n:,}" for name, n in zip(class_names, counts, strict=True)]
        more = ", ..." if len(classes) > 20 else ""
        report("Classes", f"{len(classes)}: {', '.join(classes[:20])}{more}")
    if prepared.unreadable:
        report("Skipped", f"{len(prepared.unreadable):,} that cannot be read")
        for line in prepared.unreadable[:LISTED]:
            say(f"  {line}")
        if len(prepared.unreadable) > LISTED:
            say(f"  ... and {len(prepared.unreadable) - LISTED:,} more")


def warn_about_images(prepared: Prepared, spec: ImageSpec) -> None:
    """Warn if the networks would see little of the images."""
    median = float(np.median(prepared.sizes.prod(1)))
    if spec.crop and spec.crop[0] * spec.crop[1] < SMALL_CROP * median:
        height, width = spec.crop
        warn(
            f"--crop keeps {height * width / median:.1%} of the median image, the {width}x{height} pixels in its"
            " centre; give a larger --input_height, or --fit cover instead of --crop."
        )
    some = prepared.images[:: len(prepared.images) // 256 + 1].astype(np.float32)
    if len(some) < FEW:
        return
    if some.max() < 256 * DARK:
        warn(
            f"all images are nearly black (the brightest pixel is {some.max():.0f} of 255), as files of 16 bits are"
            " that hold 10 or 12 bits; stretch their range first, and look at reals.png."
        )
    elif some.std(axis=0).mean() < 1:
        warn(
            "all images are nearly the same, as white drawings on a transparent background are, which becomes white;"
            " look at reals.png."
        )


def warn_about_empty_classes(labels: np.ndarray, class_names: tuple[str, ...]) -> None:
    """Warn of classes that a training would not see."""
    seen = set(np.unique(labels).tolist())  # without classes, an image can have the label -1: none
    empty = [printable(name) for label, name in enumerate(class_names) if label not in seen]
    if empty:
        more = ", ..." if len(empty) > LISTED else ""
        warn(
            f"these classes have no training image, so what is generated for them means nothing:"
            f" {', '.join(empty[:LISTED])}{more}; give them images, a smaller --hold_out, or another --split."
        )


def _how_prepared(prepared: Prepared, spec: ImageSpec) -> str:
    text = ""
    if prepared.from_cache:
        text = "read from the cache (--nocache decodes again): "
    if spec.crop:
        text += f"the centre {spec.crop[1]}x{spec.crop[0]}"
    else:
        text += "whole"
    text += f", resized to {spec.width}x{spec.height}"
    if spec.fit != "stretch":
        text += f" (--fit {spec.fit})"
    return f"{text}, {prepared.images.nbytes / 1e9:.3f} GB"
