"""What can be chosen beside the settings of a run: a preset, how a training begins, which weights, and its folders."""

from __future__ import annotations

from functools import partial
from typing import Any

from dcgan_tf.settings.setting import ORIGINAL, PATH, Setting

FEW = 2_000  # images up to which the discriminator learns them by heart
DRAWN = 0.2  # share of pixels that equal the next one; less is a photograph (measured: docs/notes/small.md)
_PAPER = {"d_filters": "64,128", "g_steps": 1, "g_ema": 0.999}
_LARGE = {
    "gf_dim": 32,
    "df_dim": 32,
    "precision": "auto",
    "stages": "auto",
    "g_ema": 0.999,
    "iterations": 15_000,
}
_SMALL = _LARGE | {"augment": "color,translation,cutout", "batch_size": 16}
# For each --preset, the defaults that it replaces. A setting that the user gives counts more.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": _PAPER,
    "best": _PAPER | {"batch_size": 128, "weight_decay": 2.5e-5, "epoch": 70, "lr_decay_epochs": 35},
    "small": _SMALL,
    "photos": _SMALL | {"augment_p": 0.5},
    "large": _LARGE,
}
AUTO = "auto"  # --preset auto: a look at the images decides
USERS = {  # for --help
    "paper": "MNIST and other labelled idx files",
    "best": "the same, with better images after a longer training",
    "small": f"up to {FEW:,} drawings",
    "photos": f"up to {FEW:,} photographs",
    "large": f"more than {FEW:,} images of any kind",
}


def _describe_presets() -> str:
    lines = [f"{AUTO}: takes one of these by a look at the images, but never paper"]
    for name, preset in PRESETS.items():
        flags = " ".join(f"--{flag} {value}" for flag, value in preset.items())
        lines += [f"{name}: for {USERS[name]}", f"  {flags}"]
    return "\n".join(lines)


training = partial(Setting, "Training")
using = partial(Setting, "Using a trained run")
place = partial(Setting, "Where a run is")
START = {
    "resume": training(False, "With --train: continue a run, the newest that matches or --out_name"),
    "dry_run": training(False, "With --train: only say what it would do, its time and its size on disk"),
    "preset": training(
        "",
        f"With --train: other defaults than the original's\n{_describe_presets()}",
        choices=(AUTO, *PRESETS),
    ),
    "settings": training("", "With --train: the settings in this FLAGS.json; flags count more", traits=PATH),
    "init_from": training(
        "", "With --train: begin a new run with the weights of this run, or of pretrained:NAME", traits=PATH
    ),
    "checkpoint": training("", "Use the weights of a checkpoint of the original program", traits=PATH),
    "pretrained": training(False, "Use the trained run of this data set that comes with the program, e.g. mnist"),
}
SOURCES = ("checkpoint", "init_from", "pretrained")  # of the weights that a new run begins with
# They choose the weights; without them, the newest checkpoint.
WEIGHTS = {
    "checkpoint": START["checkpoint"],
    "best": using(False, "Use the checkpoint that scored best (see --evaluate_freq), not the newest"),
    "iteration": using(0, "Use the checkpoint of this iteration, if it was kept (--max_to_keep)", minimum=0),
    "weights": using(
        "",
        "raw: the generator's weights; ema: their average (default: the average if the run has one)",
        choices=("raw", "ema"),
    ),
    "pretrained": START["pretrained"],
}
PLACES = {
    "out_dir": place(".", "Folder for checkpoints, samples and logs", traits=PATH | ORIGINAL),
    "out_name": place(
        "", "Name of the run (default: with --train a new name, else the newest run that matches)", traits=ORIGINAL
    ),
    "checkpoint_dir": place("checkpoints", "Folder for checkpoints, in out_dir", traits=PATH | ORIGINAL),
    "sample_dir": place("samples", "Folder for samples, in out_dir", traits=PATH | ORIGINAL),
}
COUNT = using(None, "Write this many images, one file each; --seed is that of the first one", traits=ORIGINAL)
SOURCE = using("", "What dcgan_tf.load takes: a data set, a run, a checkpoint, or pretrained:NAME", traits=PATH)
STEPS = using(16, "With --interpolate and --loop: images from one seed to the next", minimum=2)
