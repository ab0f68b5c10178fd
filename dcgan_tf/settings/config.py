"""What can be set: one line of `Asked` is one setting, and its flag, check, help and place in FLAGS.json follow.

`Asked` is what a user asks for; `Config` is what a run has: complete, never changed, saved as FLAGS.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

from dcgan_tf.settings import values
from dcgan_tf.settings.setting import ORIGINAL, PATH, Lifecycle, Setting, wrong
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.files import write_bytes

FLAGS_JSON = "FLAGS.json"  # the file with the settings, in the folder of a run
Z_DISTS = ("uniform_signed", "uniform_unsigned", "normal01")  # latents.py has their parameters
PRECISIONS = ("float32", "bfloat16", "float16")
SPLITS = ("all", "train", "test")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
WEIGHTS, RUN, RESUME, USE, MACHINE = Lifecycle


def _setting(*arguments: Any, **others: Any) -> Any:
    """Return a field of Asked that is a setting; the arguments are those of Setting."""
    setting = Setting(*arguments, **others)
    return field(default=setting.default, metadata={"setting": setting})


# Each of these functions defines a setting under one heading of --help.
data = partial(_setting, "Data")
networks = partial(_setting, "Networks")
training = partial(_setting, "Training")
monitoring = partial(_setting, "Monitoring a training")
using = partial(_setting, "Using a trained run")
devices = partial(_setting, "Devices and speed")


@dataclass(frozen=True)
class Asked:
    """What a user asks for: settings under the original's flag names. None, or blank stages: the data set decides."""

    dataset: str = data("celebA", "A folder, also in data_dir; or a name of tensorflow-datasets", USE, PATH | ORIGINAL)
    data_dir: str = data("./data", "Folder that holds the data sets", MACHINE, PATH | ORIGINAL)
    input_fname_pattern: str = data("", "Only image files with such names, e.g. *.jpg", USE, ORIGINAL)
    crop: bool = data(False, "Cut out the centre, input_height x input_width, then resize", RESUME, ORIGINAL)
    input_height: int | None = data(None, "Height of the centre that --crop cuts out (default: 108)", RESUME, ORIGINAL)
    input_width: int | None = data(None, "Width of that centre (default: input_height)", RESUME, ORIGINAL)
    output_height: int | None = data(None, "Height of the images (default: 64; idx: their own)", WEIGHTS, ORIGINAL)
    output_width: int | None = data(None, "Their width (default: output_height)", WEIGHTS, ORIGINAL)
    c_dim: int | None = data(None, "1: gray, 3: colour (default: 1 if all images are gray)", WEIGHTS, choices=(1, 3))
    conditional: bool | None = data(
        None, "Train with labels (default: if idx files have them)", WEIGHTS, kind_if_none=bool
    )
    split: str = data("all", "Part of the data set; the original uses all of MNIST", RUN, choices=SPLITS)
    fit: str = data(
        "stretch",
        "How images of another shape fit; cover cuts off two sides, pad adds a border",
        choices=("stretch", "cover", "pad"),
    )
    hold_out: float = data(
        0.0, "Share of a folder's images that only evaluations use, e.g. 0.1", RUN, minimum=0, below=1
    )
    train_size: float = data(inf, "Images of an epoch, at most; a folder has other ones in each", RESUME, ORIGINAL)
    cache: bool = data(True, "Keep prepared images, --evaluate's classifier and XLA's programs in cache_dir", MACHINE)
    cache_dir: str = data("", "Folder for them (default: dcgan_tf in $XDG_CACHE_HOME or ~/.cache)", MACHINE, PATH)
    cache_limit_gb: float = data(20.0, "Its size in GB; what was used longest ago is removed", MACHINE, minimum=0)
    cache_gb: float = data(4.0, "Memory for the resized images in GB; more goes to a file", MACHINE, minimum=0)

    z_dim: int = networks(100, "Dimensions of z", WEIGHTS, ORIGINAL)
    z_dist: str = networks("uniform_signed", "Distribution of z", WEIGHTS, ORIGINAL, choices=Z_DISTS)
    gf_dim: int = networks(64, "Generator: filters of the last hidden layer", WEIGHTS)
    df_dim: int = networks(64, "Discriminator: filters of the first layer; of MNIST's networks: of the second", WEIGHTS)
    stages: str = networks(
        "",
        "Doublings of the generator and halvings of the discriminator: a number, or auto: down to about 4x4 pixels;"
        " original: 4, and with labels MNIST's own networks (default: original; for a folder with labels: auto)",
        WEIGHTS,
        parse=values.stages,
    )
    gfc_dim: int = networks(1024, "Generator of MNIST's networks: units of the linear layer", WEIGHTS)
    dfc_dim: int = networks(1024, "Discriminator of MNIST's networks: units of the linear layer", WEIGHTS)
    d_filters: str = networks(
        "",
        "Discriminator of MNIST's networks: filters of its convolutions, e.g. 64,128",
        WEIGHTS,
        parse=values.two_numbers,
    )

    epoch: int = training(25, "Number of epochs", RESUME, ORIGINAL)
    iterations: int | None = training(None, "Number of iterations, instead of --epoch")
    batch_size: int = training(64, "Images in a batch, or on a sheet of --visualize", USE, ORIGINAL)
    learning_rate: float = training(0.0002, "Learning rate of Adam", RESUME, ORIGINAL)
    lr_decay_epochs: int = training(0, "Number of last epochs in which the learning rate goes down to 0", minimum=0)
    class_loss: float = training(
        0.3,
        "Factor of D's loss for the classes of real images, for a folder with labels; 0.1 shows the classes less"
        " clearly, but makes images of a class less alike",
        minimum=0,
    )
    weight_decay: float = training(0.0, "Factor of the L2 of the weights in both losses, e.g. 2.5e-5", minimum=0)
    beta1: float = training(0.5, "Adam's decay rate of the mean of the gradients", RESUME, ORIGINAL, minimum=0, below=1)
    g_steps: int = training(2, "Generator updates per iteration")
    g_ema: float = training(0.0, "Decay of G's average, which makes all samples, e.g. 0.999", RUN, minimum=0, below=1)
    augment: str = training(
        "", "For few images: change what D sees; any of color,translation,cutout", parse=values.augmentations
    )
    augment_p: float = training(1.0, "Probability of --augment for an image; for photographs 0.5", below=1)
    mirror: bool = training(False, "Mirror half of the real images; not if they have writing or look to one side")
    seed: int = training(
        547, "Seed of weights, z and order; with a trained run of the first image (then 0)", USE, minimum=0, below=2**32
    )
    max_to_keep: int = training(1, "Number of checkpoints to keep", RESUME, ORIGINAL)

    sample_freq: int = monitoring(200, "Iterations between two sample sheets", RESUME, ORIGINAL)
    ckpt_freq: int = monitoring(200, "Iterations between two checkpoints", RESUME, ORIGINAL)
    log_freq: int = monitoring(20, "Iterations between two points of the TensorBoard curves")
    epoch_samples: str = monitoring("", "Also keep the sheets of these epochs, e.g. 2,10,25", parse=values.number_list)
    evaluate_freq: int | None = monitoring(None, "Iterations between two evaluations, which keep the best", minimum=0)
    G_img_sum: bool = monitoring(False, "Also log generated images of single batches to TensorBoard", RESUME, ORIGINAL)
    warn_collapse: bool = monitoring(True, "Warn if the generator collapses, or the discriminator's loss stays near 0")
    verbose: bool = monitoring(False, "Also list the weights of both networks, with their shapes", MACHINE)

    evaluate_samples: int | None = using(
        None, "Images that an evaluation generates (default: 50,000 for MNIST, else 5,000)", USE
    )
    truncation: float = using(
        1.0, "Factor of z's distance from its mean; 0.7: more typical images, less varied", USE, minimum=0
    )
    inception: str = using("", "Inception graph for FID (default: that of dcgan_tf.download)", MACHINE, PATH)

    precision: str = devices(
        "float32",
        "Arithmetic of the networks; auto: bfloat16 if it is faster on this device",
        choices=(*PRECISIONS, "auto"),
    )
    xla: str = devices("auto", "Compile with XLA; auto: only if there is a GPU", choices=("auto", "on", "off"))
    steps_per_call: int | None = devices(
        None, "Iterations in one call of the train step (default: 1 on a CPU, 10 on a GPU)"
    )
    strategy: str = devices(
        "auto", "What trains together; auto: all GPUs, all workers in TF_CONFIG", choices=STRATEGIES
    )
    sync_bn: bool = devices(False, "Batch norm over the whole batch, not over each device's shard")

    class_names: tuple[str, ...] = ()  # not a flag: of Asked, those that the data set must have, if any

    @property
    def epochs_to_keep(self) -> tuple[int, ...]:
        """The epochs (1, 2, ...) in epoch_samples."""
        return _split_numbers(self.epoch_samples)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The kinds of changes in augment."""
        return tuple(filter(None, self.augment.split(",")))

    def check_epochs(self) -> None:
        """Raise UserError if a setting names an epoch that the training does not have."""
        if self.iterations:  # then the data set decides how many epochs there are
            return
        last = {"lr_decay_epochs": self.lr_decay_epochs, "epoch_samples": max(self.epochs_to_keep, default=0)}
        for name, epoch in last.items():
            if epoch > self.epoch:
                raise wrong(name, f"at most --epoch, {self.epoch}", epoch)


@dataclass(frozen=True)
class Config(Asked):
    """All that a run has: what was asked for, and what the data set decided. Its sizes have no defaults.

    Raises UserError if a combination of values is impossible.
    """

    output_height: int = field(kw_only=True)
    output_width: int = field(kw_only=True)
    c_dim: int = field(kw_only=True)
    conditional: bool = False
    stages: str = "original"  # or a number
    class_loss: float = 0.0  # a run of version 1.0.0 has none

    def __post_init__(self) -> None:
        self.check_epochs()
        values.check_stages(self.stages, self.output_height, self.output_width, self.has_labels)

    @classmethod
    def read(cls, path: Path) -> Config:
        """Read FLAGS.json, also one of version 1.0.0.

        Settings that it lacks have their defaults; unknown ones, such as those of a later version, are ignored.

        Raises: UserError if the file is not there, or damaged.
        """
        try:
            saved = json.loads(path.read_bytes())  # in any UTF, also with a BOM
            settings = {}
            for name, setting in SETTINGS.items():
                if saved.get(name) is not None:
                    settings[name] = setting.convert(name, saved[name])
            return cls(**settings, class_names=tuple(map(str, saved["class_names"])))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, UserError) as error:
            reason = f"{type(error).__name__}: {error}".rstrip(".")  # of a KeyError, the text is only the key
            raise UserError(
                f"{path} is damaged ({reason}); restore it, or train a new run, or name another with --out_name."
            ) from error

    def to_json(self) -> str:
        """Return the text of FLAGS.json; JSON has no infinity, so an unlimited train_size is the string "inf"."""
        saved = dict(vars(self))
        if self.iterations:
            del saved["epoch"]  # which then counts nothing: so the file is what a training can be given
        if self.train_size == inf:
            saved["train_size"] = "inf"
        return json.dumps(saved, indent=1)

    def changed(self) -> dict[str, Any]:
        """Return what a training must be given to have these settings: those that differ from their defaults.

        Returns: values that JSON can hold, by their names, as `dcgan_tf.train` takes them; always with dataset.
        """
        saved = json.loads(self.to_json())
        changed = {"dataset": self.dataset}
        for name, setting in SETTINGS.items():
            if name in saved and getattr(self, name) != setting.default:
                changed[name] = saved[name]
        return changed

    def save(self, path: Path) -> None:
        """Write FLAGS.json."""
        write_bytes(path, self.to_json().encode())

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the networks' images."""
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
        return self.has_labels and self.stages == "original"

    @property
    def stage_count(self) -> int:
        """Doublings of the generator, in other networks than MNIST's."""
        if self.stages == "original":
            return 4
        return int(self.stages)

    @property
    def d_widths(self) -> tuple[int, ...]:
        """Filters of the two convolutions of MNIST's discriminator; by default those of the original (model.py)."""
        default = (self.c_dim + self.y_dim, self.df_dim + self.y_dim)
        return _split_numbers(self.d_filters) or default

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and the highest value of the images that the networks see and make.

        As in the original, G ends with a sigmoid in MNIST's networks, and with a tanh in the others.
        """
        if self.has_mnist_networks:
            return 0.0, 1.0
        return -1.0, 1.0


def _split_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, filter(None, text.split(","))))


SETTINGS: dict[str, Setting] = {item.name: item.metadata["setting"] for item in fields(Asked) if item.metadata}


def settings_of(*lifecycles: Lifecycle) -> tuple[str, ...]:
    """Return the names of the settings that have one of these lifecycles."""
    return tuple(name for name, setting in SETTINGS.items() if setting.lifecycle in lifecycles)


FIXED = settings_of(WEIGHTS, RUN)  # when a run begins
EACH_USE = settings_of(USE, MACHINE)  # what can be given with each use of a run
