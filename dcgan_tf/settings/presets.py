"""Presets: other defaults than the original's, all chosen by one name."""

from __future__ import annotations

from typing import Any

FEW = 2_000  # images up to which the discriminator learns them by heart
DRAWN = 0.2  # share of pixels that equal the next one; less is a photograph (measured: docs/notes/small.md)
_PAPER = {"d_filters": "64,128", "g_steps": 1, "g_ema": 0.999}
_HALF_WIDTH = {"gf_dim": 32, "df_dim": 32, "precision": "auto", "stages": "auto"}
_SMALL = _HALF_WIDTH | {
    "g_ema": 0.999,
    "augment": "color,translation,cutout",
    "batch_size": 16,
    "iterations": 15_000,
}
# For each --preset, the defaults that it replaces. A setting that the user gives counts more.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    "best": _PAPER | {"batch_size": 128, "weight_decay": 2.5e-5, "epoch": 70, "lr_decay_epochs": 35},
    "small": _SMALL,
    "photos": _SMALL | {"augment_p": 0.5},
    "large": _HALF_WIDTH | {"g_ema": 0.999, "iterations": 15_000},
}
AUTO = "auto"  # --preset auto: the preset that `preset_for` returns
USERS = {  # for --help
    "paper": "MNIST and other labelled idx files",
    "best": "the same, with better images after a longer training",
    "small": f"up to {FEW:,} drawings",
    "photos": f"up to {FEW:,} photographs",
    "large": f"more than {FEW:,} images of any kind",
}


def preset_for(count: int, equal_neighbours: float, like_mnist: bool) -> tuple[str, str]:
    """Return the preset to use for such images, and the reason.

    Args:
      count: number of images.
      equal_neighbours: share of their pixels that equal the next one, 0 to 1.
      like_mnist: whether they are gray ones with labels in idx files, of a size that MNIST's networks take.
    """
    share = f"{equal_neighbours:.0%} of their pixels equal the next one"
    if count <= FEW and equal_neighbours < DRAWN:
        return "photos", f"{count:,} images, and only {share}, as in photographs; for drawings give --preset small"
    if count <= FEW:
        return "small", f"{count:,} images, and {share}, as in drawings; for photographs give --preset photos"
    if like_mnist:
        return "best", f"{count:,} gray images with labels in idx files, as MNIST's"
    return "large", f"{count:,} images, and it is for more than {FEW:,}"
