"""The settings of a run: checked once, saved as FLAGS.json with the run, read back by every later mode."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_tf import cli_values
from dcgan_tf.errors import UserError

# Latent distributions and their parameters: (low, high), or (mean, standard deviation) of the normal one.
Z_DISTS = {"uniform_signed": (-1.0, 1.0), "uniform_unsigned": (0.0, 1.0), "normal01": (0.0, 1.0)}
SPLITS = ("all", "train", "test")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
PRECISIONS = ("float32", "bfloat16", "float16")
# A run is found again by these, where they stand on the command line; its networks are built from them.
ARCHITECTURE = ("output_height", "output_width", "c_dim", "conditional", "z_dim", "z_dist")
ARCHITECTURE += ("gf_dim", "df_dim", "gfc_dim", "dfc_dim", "d_filters", "g_ema")


def setting(default: Any, text: str) -> Any:
    """A field of Config that is also a flag: its default, and its line in --help."""
    return dataclasses.field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Config:
    """One run's settings, under the original's names (main.py and model.py of the original).

    Sizes left None are the data set's to say: `data.dataset.load_dataset` returns the Config with them filled in.
    Raises UserError where a value, or two together, make no sense.
    """

    dataset: str = setting("celebA", "Data set: a folder in data_dir, mnist, or tensorflow-datasets' name")
    data_dir: str = setting("./data", "Folder that holds the data sets")
    input_fname_pattern: str = setting("", "Glob pattern of picture files, e.g. *.jpg (blank: every kind of picture)")
    crop: bool = setting(False, "Cut the centre, input_height x input_width, out of each picture before resizing")
    input_height: int | None = setting(None, "Height of the centre crop in pixels (default: 108; idx: their own)")
    input_width: int | None = setting(None, "Width of the centre crop in pixels (default: input_height)")
    output_height: int | None = setting(None, "Height of the network's pictures (default: 64; idx: their own)")
    output_width: int | None = setting(None, "Width of the network's pictures in pixels (default: output_height)")
    c_dim: int | None = setting(None, "Channels, 1 or 3 (default: 1 if all pictures are gray)")
    conditional: bool | None = setting(None, "Train with labels (default: only where idx files have them)")
    split: str = setting("all", "Parts of idx files, LSUN, TFDS: all (MNIST: 70,000, as the original), train, test")
    cache_gb: float = setting(4, "Memory for the resized pictures, in GB; more than that goes to a file in cache_dir")
    cache_dir: str = setting("~/.cache/dcgan_tf", "Folder for resized pictures beyond cache_gb; nothing stays there")
    train_size: float = setting(math.inf, "Train on at most this many pictures")
    batch_size: int = setting(64, "Pictures in a batch")
    epoch: int = setting(25, "Epochs to train, in all")
    learning_rate: float = setting(0.0002, "Learning rate of Adam")
    beta1: float = setting(0.5, "Momentum term of Adam")
    z_dim: int = setting(100, "Width of z")
    z_dist: str = setting("uniform_signed", f"Distribution of z: {', '.join(Z_DISTS)}")
    gf_dim: int = setting(64, "Generator filters in the last hidden layer")
    df_dim: int = setting(64, "Discriminator filters in the first layer")
    gfc_dim: int = setting(1024, "Units of the conditional generator's linear layer")
    dfc_dim: int = setting(1024, "Units of the conditional discriminator's linear layer")
    d_filters: str = setting("", "With labels: filters of D's two convolutions (default: c_dim, df_dim + classes each)")
    g_steps: int = setting(2, "G updates an iteration")
    g_ema: float = setting(0, "Decay of an average of G's weights, which then makes all pictures, e.g. 0.999 (0: none)")
    seed: int = setting(547, "Seed of weights, z and the order of the data")
    sample_freq: int = setting(200, "Iterations between sample sheets")
    epoch_samples: str = setting("", "Epochs whose last sheet is kept as epoch_<number>.png, e.g. 2,10,25")
    ckpt_freq: int = setting(200, "Iterations between checkpoints")
    log_freq: int = setting(20, "Iterations between points of the TensorBoard curves")
    evaluate_freq: int | None = setting(None, "Iterations between evaluations; the best checkpoint is kept (--best)")
    evaluate_samples: int = setting(50_000, "Generated pictures that an evaluation looks at")
    max_to_keep: int = setting(1, "Checkpoints to keep")
    G_img_sum: bool = setting(False, "Log generated pictures to TensorBoard, too")
    warn_collapse: bool = setting(True, "Warn once of a collapsed generator or a discriminator that has won")
    precision: str = setting("float32", f"Arithmetic: {', '.join(PRECISIONS)} (a CPU does float16 very slowly)")
    xla: str = setting("auto", "Compile the train step with XLA: on, off, or auto (on where there is a GPU)")
    steps_per_call: int | None = setting(None, "Iterations in one call of the train step (default: CPU 1, GPU 10)")
    strategy: str = setting("auto", "Devices: none, mirrored, multi_worker (TF_CONFIG), or auto (all that there are)")
    sync_bn: bool = setting(False, "Batch norm over the whole batch, not over the part of each device")
    class_names: tuple[str, ...] = ()  # not a flag: the data set says it; none is an unconditional run

    def __post_init__(self) -> None:
        sizes = [f.name for f in dataclasses.fields(self) if "int" in f.type and f.name != "seed"]
        for name in [*sizes, "train_size", "learning_rate"]:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"--{name} must be greater than 0, but is {value}.")
        if not self.cache_gb >= 0:
            raise UserError(f"--cache_gb must be at least 0, but is {self.cache_gb}.")
        if not 0 <= self.beta1 < 1:
            raise UserError(f"--beta1 must be at least 0 and less than 1, but is {self.beta1}.")
        if not 0 <= self.g_ema < 1:
            raise UserError(f"--g_ema must be at least 0 and less than 1, but is {self.g_ema}.")
        if self.d_filters and (len(self.d_widths) != 2 or min(self.d_widths) < 1):
            raise UserError(f"--d_filters takes two numbers greater than 0, like 64,128, but is {self.d_filters!r}.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed must be between 0 and 2^32 - 1, but is {self.seed}.")
        if self.c_dim not in (None, 1, 3):
            raise UserError(f"--c_dim must be 1 (gray) or 3 (colour), but is {self.c_dim}.")
        choices = {"z_dist": Z_DISTS, "precision": PRECISIONS, "xla": ("auto", "on", "off"), "split": SPLITS}
        choices |= {"strategy": STRATEGIES}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise UserError(f"--{name} must be one of {', '.join(allowed)}, but is {getattr(self, name)!r}.")
        if not self.dataset:
            raise UserError("--dataset is blank; give mnist or the name of a folder of pictures in --data_dir.")
        if self.y_dim and self.output_height and (self.output_height % 4 or self.output_width % 4):
            raise UserError(
                f"With labels the networks halve a picture twice, so --output_height and --output_width must be"
                f" multiples of 4, but are {self.output_height} and {self.output_width}."
            )

        if max(self.epochs_to_keep, default=1) > self.epoch or min(self.epochs_to_keep, default=1) < 1:
            raise UserError(
                f"--epoch_samples must be between 1 and --epoch, which is {self.epoch}, but is {self.epoch_samples!r}."
            )

    @property
    def epochs_to_keep(self) -> tuple[int, ...]:
        """The epochs (1, 2, ...) in epoch_samples."""
        return cli_values.numbers("epoch_samples", self.epoch_samples) if self.epoch_samples else ()

    @property
    def d_widths(self) -> tuple[int, ...]:
        """Filters of the conditional discriminator's two convolutions (the original's are narrow, see --d_filters)."""
        if self.d_filters:
            return cli_values.numbers("d_filters", self.d_filters)
        return self.c_dim + self.y_dim, self.df_dim + self.y_dim

    @property
    def y_dim(self) -> int:
        """Width of the one-hot labels; 0 without labels."""
        return len(self.class_names)

    @property
    def has_labels(self) -> bool:
        """Whether the networks are the conditional ones, with pictures in [0, 1]; else pictures are in [-1, 1]."""
        return bool(self.class_names)

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and highest value of the images that the networks see and make."""
        return (0.0, 1.0) if self.has_labels else (-1.0, 1.0)

    def to_json(self) -> str:
        """All settings as the text of FLAGS.json (train_size as the string "inf" where it has no limit)."""
        values = dataclasses.asdict(self)
        if math.isinf(self.train_size):
            values["train_size"] = "inf"
        return json.dumps(values, indent=1)

    @classmethod
    def from_json(cls, path: Path) -> Config:
        """Read a run's FLAGS.json; unknown settings are left out, newer ones take their default. Raises UserError."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["train_size"] == "inf":
                values["train_size"] = math.inf
            values["class_names"] = tuple(map(str, values["class_names"]))
            known = [f for f in dataclasses.fields(cls) if f.name in values]
            return cls(**{f.name: _checked(f, values[f.name]) for f in known})
        except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError) as error:
            reason = f"{type(error).__name__}: {error}".rstrip(".")
            raise UserError(
                f"{path} is damaged ({reason}); restore it, or train a new run, or name another with --out_name."
            ) from error


def _checked(field: dataclasses.Field, value: Any) -> Any:
    """The value if it has the field's type. Raises TypeError."""
    declared = typing.get_type_hints(Config)[field.name]
    allowed = typing.get_args(declared) if isinstance(declared, types.UnionType) else (declared,)
    if typing.get_origin(declared) is tuple:
        return value
    if float in allowed:
        allowed = (*allowed, int)
    if type(value) not in allowed:
        raise TypeError(f"{field.name} is {value!r}")
    return value
