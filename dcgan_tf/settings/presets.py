"""Presets: other defaults than the original's, all chosen by one name."""

from __future__ import annotations

from typing import Any

_PAPER = {"d_filters": "64,128", "g_steps": 1, "g_ema": 0.999}
# For each --preset, the defaults that it replaces. A setting that the user gives counts more.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    "best": _PAPER | {"batch_size": 128, "weight_decay": 2.5e-5, "epoch": 70, "lr_decay_epochs": 35},
    "small": {
        "g_ema": 0.999,
        "augment": "color,translation,cutout",
        "batch_size": 16,
        "iterations": 15_000,
    },
}
