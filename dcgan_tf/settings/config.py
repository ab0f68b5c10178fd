"""The settings of a run: checked once, saved with the run as FLAGS.json, and read again by every later command."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcgan_tf.settings import checks, values
from dcgan_tf.settings.setting import Setting, Trait

Z_DISTS = ("uniform_signed", "uniform_unsigned", "normal01")  # latents.py has their parameters
PRECISIONS = ("float32", "bfloat16", "float16")
FITS = ("stretch", "cover", "pad")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
ARCHITECTURE = Trait.ARCHITECTURE
OVERRIDE = Trait.OVERRIDE
MACHINE = Trait.MACHINE
PATH = Trait.PATH
ORIGINAL = Trait.ORIGINAL


def _setting(group: str, default: Any, text: str, traits: Trait = Trait.NONE, **limits: Any) -> Any:
    """Return a field of Config that is a setting; `limits` are choices, above, minimum, below, maximum."""
    described = {"group": group, "default": default, "help": text, "traits": traits, **limits}
    return dataclasses.field(default=default, metadata=described)


# Each of these functions defines a setting under one heading of --help.
data = partial(_setting, "Data")
networks = partial(_setting, "Networks")
training = partial(_setting, "Training")
monitoring = partial(_setting, "Monitoring a training")
using = partial(_setting, "Using a trained run")
devices = partial(_setting, "Devices and speed")


@dataclass(frozen=True)
class Config:
    """The settings of one run, under the original's flag names (main.py of the original).

    Sizes that are None come from the data set: `training.complete.complete` fills them in.
    Raises UserError if a value, or a combination of values, is impossible.
    """

    dataset: str = data(
        "celebA", "A folder in data_dir, mnist, or a name of tensorflow-datasets", OVERRIDE | PATH | ORIGINAL
    )
    data_dir: str = data("./data", "Folder that holds the data sets", MACHINE | PATH | ORIGINAL)
    input_fname_pattern: str = data("", "Only image files with such names, e.g. *.jpg", OVERRIDE | ORIGINAL)
    crop: bool = data(False, "Cut out the centre of each image, input_height x input_width, then resize", ORIGINAL)
    input_height: int | None = data(
        None, "Height of the centre that --crop cuts out (default: 108; idx files: their own)", ORIGINAL, above=0
    )
    input_width: int | None = data(
        None, "Width of the centre that --crop cuts out (default: input_height)", ORIGINAL, above=0
    )
    output_height: int | None = data(
        None, "Height of the networks' images (default: 64; idx files: their own)", ARCHITECTURE | ORIGINAL, above=0
    )
    output_width: int | None = data(
        None, "Width of the networks' images (default: output_height)", ARCHITECTURE | ORIGINAL, above=0
    )
    c_dim: int | None = data(
        None, "Channels: 1 is gray, 3 is colour (default: 1 if all images are gray)", ARCHITECTURE, choices=(1, 3)
    )
    conditional: bool | None = data(None, "Train with labels (default: only if idx files have them)", ARCHITECTURE)
    split: str = data("all", "Part of the data set; the original uses all of MNIST", choices=("all", "train", "test"))
    fit: str = data(
        "stretch",
        "How images of another shape fit: stretch them; cover: cut off two sides; pad: add a border of its mean colour",
        choices=FITS,
    )
    hold_out: float = data(
        0,
        "Share of the images of a folder that training leaves out, and evaluations use, e.g. 0.1",
        ARCHITECTURE,
        minimum=0,
        below=1,
    )
    train_size: float = data(
        math.inf, "Images of an epoch, at most; a folder has other ones in each", ORIGINAL, above=0
    )
    cache: bool = data(True, "Keep prepared images, and the classifier of --evaluate, in cache_dir", MACHINE)
    cache_dir: str = data(
        "", "Folder in which they are kept (default: dcgan_tf in $XDG_CACHE_HOME or ~/.cache)", MACHINE | PATH
    )
    cache_limit_gb: float = data(
        20, "Size of what is kept in GB; what was used longest ago is removed", MACHINE, minimum=0
    )
    cache_gb: float = data(4, "Memory for the resized images in GB; more goes to a file", MACHINE, minimum=0)

    z_dim: int = networks(100, "Dimensions of z", ARCHITECTURE | ORIGINAL, above=0)
    z_dist: str = networks("uniform_signed", "Distribution of z", ARCHITECTURE | ORIGINAL, choices=Z_DISTS)
    gf_dim: int = networks(64, "Generator: filters of the last hidden layer", ARCHITECTURE, above=0)
    df_dim: int = networks(
        64,
        "Discriminator: filters of the first layer; in MNIST's networks of the second, unless --d_filters is given",
        ARCHITECTURE,
        above=0,
    )
    stages: str = networks(
        "",
        "Doublings of the generator and halvings of the discriminator: a number, or auto: down to about 4x4 pixels;"
        " original: 4, and with labels MNIST's own networks (default: original; for a folder with labels: auto)",
        ARCHITECTURE,
    )
    gfc_dim: int = networks(1024, "Generator of MNIST's networks: units of the linear layer", ARCHITECTURE, above=0)
    dfc_dim: int = networks(1024, "Discriminator of MNIST's networks: units of the linear layer", ARCHITECTURE, above=0)
    d_filters: str = networks(
        "", "Discriminator of MNIST's networks: filters of its two convolutions, e.g. 64,128", ARCHITECTURE
    )

    epoch: int = training(25, "Number of epochs", ORIGINAL, above=0)
    iterations: int | None = training(None, "Number of iterations, instead of --epoch", above=0)
    batch_size: int = training(64, "Images in a batch, or on a sheet of --visualize", OVERRIDE | ORIGINAL, above=0)
    learning_rate: float = training(0.0002, "Learning rate of Adam", ORIGINAL, above=0)
    lr_decay_epochs: int = training(0, "Number of last epochs in which the learning rate goes down to 0", minimum=0)
    weight_decay: float = training(
        0, "Factor of the L2 term, half the sum of squared weights, in both losses, e.g. 2.5e-5", minimum=0
    )
    beta1: float = training(0.5, "beta1 of Adam: decay rate of the mean of the gradients", ORIGINAL, minimum=0, below=1)
    g_steps: int = training(2, "Generator updates per iteration", above=0)
    g_ema: float = training(
        0,
        "Decay of an average (EMA) of the generator's weights, which then makes all samples, e.g. 0.999",
        ARCHITECTURE,
        minimum=0,
        below=1,
    )
    augment: str = training(
        "", "For few images: change the images that D sees at random; any of color,translation,cutout (DiffAugment)"
    )
    augment_p: float = training(
        1, "Probability with which --augment changes an image; 0.5 is better for photographs", above=0, maximum=1
    )
    mirror: bool = training(
        False, "Mirror real images left to right at random; not if they have writing, or all look to one side"
    )
    seed: int = training(
        547,
        "Seed of weights, z, and order of images; with a trained run: seed of the first image, 0 if not given",
        OVERRIDE,
        minimum=0,
        below=2**32,
    )
    max_to_keep: int = training(1, "Number of checkpoints to keep", ORIGINAL, above=0)

    sample_freq: int = monitoring(200, "Iterations between two sample sheets", ORIGINAL, above=0)
    ckpt_freq: int = monitoring(200, "Iterations between two checkpoints", ORIGINAL, above=0)
    log_freq: int = monitoring(20, "Iterations between two points of the TensorBoard curves", above=0)
    epoch_samples: str = monitoring("", "Also keep the sheets at the end of these epochs, e.g. 2,10,25")
    evaluate_freq: int | None = monitoring(
        None, "Iterations between two evaluations, which keep the best checkpoint (default: no evaluation)", minimum=0
    )
    G_img_sum: bool = monitoring(False, "Also log generated images to TensorBoard", ORIGINAL)
    warn_collapse: bool = monitoring(True, "Warn if the generator collapses, or the discriminator's loss stays near 0")

    evaluate_samples: int | None = using(
        None,
        "Generated images that an evaluation measures (default: 50,000 for data like MNIST, else 5,000)",
        OVERRIDE,
        above=0,
    )
    truncation: float = using(
        1,
        "Factor on z's distance from its mean: less than 1 gives more typical, less varied images",
        OVERRIDE,
        minimum=0,
    )
    inception: str = using(
        "",
        "File of the Inception graph of 2015, for FID (default: the one that dcgan_tf.download fetched)",
        MACHINE | PATH,
    )

    precision: str = devices(
        "float32",
        "Arithmetic of the networks; auto: bfloat16 if this device multiplies it 1.3 times as fast as float32"
        " (a CPU does float16 very slowly)",
        choices=(*PRECISIONS, "auto"),
    )
    xla: str = devices("auto", "Compile with XLA; auto: only if there is a GPU", choices=("auto", "on", "off"))
    steps_per_call: int | None = devices(
        None, "Iterations in one call of the train step (default: 1 on a CPU, 10 on a GPU)", above=0
    )
    strategy: str = devices(
        "auto", "Which devices train together; auto: all GPUs, and all workers in TF_CONFIG", choices=STRATEGIES
    )
    sync_bn: bool = devices(False, "Batch norm over the whole batch, not over each device's shard")

    class_names: tuple[str, ...] = ()  # not a flag: the data set defines them; empty for a run without labels

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            object.__setattr__(self, name, setting.convert(name, getattr(self, name)))
        object.__setattr__(self, "class_names", tuple(map(str, self.class_names)))
        object.__setattr__(self, "stages", values.stages(self.stages))
        checks.check(self)

    @property
    def epochs_to_keep(self) -> tuple[int, ...]:
        """The epochs (1, 2, ...) in epoch_samples."""
        if not self.epoch_samples:
            return ()
        return values.numbers("epoch_samples", self.epoch_samples)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The kinds of changes in augment."""
        if not self.augment:
            return ()
        return tuple(self.augment.replace(" ", "").split(","))

    @property
    def d_widths(self) -> tuple[int, ...]:
        """Filters of the two convolutions of the discriminator with labels."""
        if self.d_filters:
            return values.numbers("d_filters", self.d_filters)
        return self.image_shape[2] + self.y_dim, self.df_dim + self.y_dim

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the networks' images. Only for settings that are complete: those of a run."""
        if not (self.output_height and self.output_width and self.c_dim):
            raise ValueError("these settings are incomplete: the data set has not been read")
        return self.output_height, self.output_width, self.c_dim

    @property
    def y_dim(self) -> int:
        """Width of the one-hot labels; 0 without labels."""
        return len(self.class_names)

    @property
    def has_labels(self) -> bool:
        """Whether the networks get labels."""
        return bool(self.class_names)

    @property
    def has_mnist_networks(self) -> bool:
        """Whether the networks are those of the original for labels."""
        return self.has_labels and self.stages in ("", "original")

    @property
    def without_effect(self) -> tuple[str, ...]:
        """The settings that differ from their defaults, but that this training does not use."""
        unused: tuple[str, ...] = ()
        if not self.has_mnist_networks:
            unused += ("d_filters", "gfc_dim", "dfc_dim")
        elif self.d_filters:
            unused += ("df_dim",)
        if not self.augment:
            unused += ("augment_p",)
        return tuple(name for name in unused if getattr(self, name) != SETTINGS[name].default)

    @property
    def stage_count(self) -> int:
        """Doublings of the generator. Only for settings that are complete, and for other networks than MNIST's."""
        if self.stages in ("", "original"):
            return 4
        return int(self.stages)

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and the highest value of the images that the networks see and make."""
        return (0.0, 1.0) if self.has_mnist_networks else (-1.0, 1.0)


def _all_settings() -> dict[str, Setting]:
    hints = typing.get_type_hints(Config)
    found = {}
    for field in dataclasses.fields(Config):
        if field.metadata:
            kinds = [kind for kind in typing.get_args(hints[field.name]) if kind is not type(None)]
            found[field.name] = Setting(type=(kinds or [hints[field.name]])[0], **field.metadata)
    return found


SETTINGS: dict[str, Setting] = _all_settings()


def settings_with(traits: Trait) -> tuple[str, ...]:
    """Return the names of the settings that have at least one of the traits."""
    return tuple(name for name, setting in SETTINGS.items() if setting.traits & traits)


def override(config: Config, given: Mapping[str, Any]) -> Config:
    """Replace the settings that may differ from those of the training; the other given ones do not count."""
    allowed = settings_with(OVERRIDE | MACHINE)
    return dataclasses.replace(config, **{name: value for name, value in given.items() if name in allowed})
