"""What can be chosen beside the settings of a run: its name and folders, how a training begins, and which weights."""

from __future__ import annotations

from typing import Any

from dcgan_tf.settings.presets import AUTO, PRESETS, USERS
from dcgan_tf.settings.setting import Setting, Trait

PATH = Trait.PATH
ORIGINAL = Trait.ORIGINAL


def _option(group: str, default: Any, text: str, traits: Trait = Trait.NONE, **limits: Any) -> Setting:
    return Setting(type=type(default), group=group, default=default, help=text, traits=traits, **limits)


def _describe_presets() -> str:
    lines = [f"{AUTO}: takes one of these by a look at the images, but never paper"]
    for name, preset in PRESETS.items():
        flags = " ".join(f"--{flag} {value}" for flag, value in preset.items())
        lines += [f"{name}: for {USERS[name]}", f"  {flags}"]
    return "\n".join(lines)


TRAINING = "Training"
USING = "Using a trained run"
PLACE = "Where a run is"

START = {
    "resume": _option(TRAINING, False, "With --train: continue a run, the newest that matches or --out_name"),
    "dry_run": _option(
        TRAINING, False, "With --train: only say what it would do, how long it would take, and its size on disk"
    ),
    "preset": _option(
        TRAINING,
        "",
        f"With --train: other defaults than the original's\n{_describe_presets()}",
        choices=("", AUTO, *PRESETS),
    ),
    "init_from": _option(
        TRAINING, "", "With --train: begin a new run with the weights of this run, or of pretrained:NAME", PATH
    ),
    "checkpoint": _option(TRAINING, "", "Use the weights of a checkpoint of the original program", PATH),
    "pretrained": _option(
        TRAINING, False, "Use the trained run of this data set that comes with the program, e.g. mnist"
    ),
}
SOURCES = ("checkpoint", "init_from", "pretrained")  # of the weights that a new run begins with
# They choose the weights; without them, the newest checkpoint.
WEIGHTS = {
    "checkpoint": START["checkpoint"],
    "best": _option(USING, False, "Use the checkpoint that scored best (see --evaluate_freq), not the newest"),
    "iteration": _option(
        USING,
        0,
        "Use the checkpoint of this iteration, if it was kept (--max_to_keep), not the newest",
        minimum=0,
    ),
    "weights": _option(
        USING,
        "",
        "raw: the generator's weights; ema: their average (default: the average if the run has one)",
        choices=("", "raw", "ema"),
    ),
    "pretrained": START["pretrained"],
}
PLACES = {
    "out_dir": _option(PLACE, ".", "Folder for checkpoints, samples and logs", PATH | ORIGINAL),
    "out_name": _option(
        PLACE, "", "Name of the run (default: with --train a new name, else the newest run that matches)", ORIGINAL
    ),
    "checkpoint_dir": _option(PLACE, "checkpoints", "Folder for checkpoints, in out_dir", PATH | ORIGINAL),
    "sample_dir": _option(PLACE, "samples", "Folder for samples, in out_dir", PATH | ORIGINAL),
}

COUNT = Setting(
    type=int,
    default=None,
    help="Write this many images, one file each; --seed is the seed of the first one",
    group=USING,
    traits=ORIGINAL,
    minimum=1,
)
SOURCE = _option(USING, "", "What dcgan_tf.load takes: a data set, a run, a checkpoint, or pretrained:NAME", PATH)
STEPS = _option(USING, 16, "With --interpolate and --loop: images from one seed to the next", minimum=2)
