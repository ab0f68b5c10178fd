"""Where trained weights come from: a checkpoint of a run or of the original program, or a run that the package brings.

A kind of weights is a function that returns Weights, and one that reads their variables. Only that needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import ABOUT, Content, Origin, Run
from dcgan_tf.settings.config import FIXED, FLAGS_JSON, Config
from dcgan_tf.system.errors import UserError

if TYPE_CHECKING:
    import keras
    import numpy as np

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # the folder of the runs that the package brings
RAW = "raw weights"
AVERAGE = "average of the weights"
KINDS = {"raw": RAW, "ema": AVERAGE}  # by the values of --weights


@dataclass(frozen=True)
class Weights:
    """Trained weights that were found. Their variables are read once, when they are first needed.

    So a training that goes on changes nothing, and another process gets what was read.
    """

    name: str  # for messages
    config: Config  # of the training
    read: Callable[[], Content]
    run: Run | None = None  # that has the checkpoint
    kind: str = RAW  # of the weights of `generator`
    prefix: str = ""  # of the names of its variables
    has_discriminator: bool = True
    knows_data: bool = True  # whether `config` names the data set that they were trained on
    about: Mapping[str, Any] = field(default_factory=dict)  # what is known of their data: data, licence

    @functools.cached_property
    def _content(self) -> Content:
        return self.read()

    def origin(self) -> Origin:
        """Return the file or folder that they were read from. Raises UserError."""
        return self._content[0]

    def generator(self) -> keras.Model:
        """Return the generator with the weights of `kind`: z [B, Z], one-hot y [B, Y] -> images in config.value_range.

        Raises: UserError if they cannot be read, or belong to another network.
        """
        from dcgan_tf.networks import build_generator

        generator = build_generator(self.config)
        self.assign(generator, prefix=self.prefix)
        return generator

    def discriminator(self) -> keras.Model:
        """Return the discriminator: images [B, H, W, C] in config.value_range, one-hot y [B, Y] -> logits [B, 1].

        With training=True and --class_loss, it returns more columns, see `networks`.

        Raises: UserError if there is none, it cannot be read, or it belongs to another network.
        """
        from dcgan_tf.networks import build_discriminator

        self.check_has_discriminator()
        discriminator = build_discriminator(self.config)
        self.assign(discriminator)
        return discriminator

    def assign(self, *networks: keras.Model, prefix: str = "") -> None:
        """Give networks, a generator or a discriminator, their weights.

        Args:
          prefix: of the variables' names; blank for the raw weights.
        Raises: UserError if the weights cannot be read, or belong to other networks.
        """
        origin, arrays = self._content
        for network in networks:
            for variable in network.variables:
                name = prefix + variable.path
                shape = getattr(arrays.get(name), "shape", None)
                if shape != tuple(variable.shape):
                    raise UserError(
                        f"{origin.path} does not fit the sizes of {self.name}: its {name} has the shape {shape}, not"
                        f" {tuple(variable.shape)}; choose other weights, or for a checkpoint of the original program"
                        " give the --output_height and the --output_width that it was trained with."
                    )
                variable.assign(arrays[name])

    def check_has_discriminator(self) -> None:
        """Raise UserError if there are only the generator's weights."""
        if not self.has_discriminator:
            raise UserError(
                f"The pretrained run {self.name} has only the generator, but this needs the discriminator, too; use a"
                " run that you trained."
            )


def of_run(run: Run, *, best: bool = False, iteration: int = 0, raw: bool = False) -> Weights:
    """Return a checkpoint of a run: the newest that can be read, the best, or that of an iteration.

    Args:
      best: the one in `run.best_folder`, which --evaluate_freq keeps.
      iteration: that of this iteration; 0: the newest.
      raw: whether the generator takes its own weights, and not their average, if the run has one.
    Raises: UserError if the run has no settings, or they are damaged.
    """
    read = functools.partial(_read_run, run, best, iteration)
    weights = Weights(run.name, run.config(), read, run)
    if raw or not weights.config.g_ema:
        return weights
    return dataclasses.replace(weights, kind=AVERAGE, prefix="g_ema/")


def _read_run(*arguments: Any) -> Content:
    from dcgan_tf.runs import checkpoint  # here, because it needs TensorFlow

    return checkpoint.read(*arguments)


def of_pretrained(name: str) -> Weights:
    """Return the run of the data set `name` that comes with the package. Raises UserError if there is none."""
    names = sorted(file.parent.name for file in PRETRAINED.glob(f"*/{ABOUT}"))
    folder = PRETRAINED / os.path.basename(name).lower()
    if folder.name not in names:
        raise UserError(f"There is no pretrained run of the data set {name!r}; there are {', '.join(names)}.")
    return of_packed(folder)


def of_packed(folder: Path) -> Weights:
    """Return the run in a folder that tools/pack_pretrained.py has written.

    It has FLAGS.json, generator.npz with float16 weights, maybe discriminator.npz, and about.json: iteration, command,
    data, licence, sha256.

    Raises: UserError if its FLAGS.json is damaged; when its weights are read, if they are.
    """
    config = Config.read(folder / FLAGS_JSON)
    about = json.loads((folder / ABOUT).read_bytes())
    read = functools.partial(_read_npz, folder, about)
    kind = RAW
    if config.g_ema:
        kind = AVERAGE
    return Weights(
        f"pretrained-{folder.name}",
        config,
        read,
        kind=kind,
        has_discriminator=(folder / "discriminator.npz").exists(),
        about=about,
    )


def _read_npz(folder: Path, about: Mapping[str, Any]) -> Content:
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    for name, digest in about["sha256"].items():
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{folder / name} is damaged, or another file than was packed; copy it again.")
        with np.load(io.BytesIO(content)) as file:
            arrays |= {name: array.astype(np.float32) for name, array in file.items()}
    return Origin(str(folder), int(about["iteration"])), arrays


def architecture_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given settings that are fixed when a run begins. What is auto, the run has decided."""
    return {name: value for name, value in given.items() if name in FIXED and value not in (None, "auto")}


def check_architecture(name: str, config: Config, given: Mapping[str, Any]) -> None:
    """Raise UserError if a given setting of the architecture differs from that of the weights, which cannot change."""
    for key, value in architecture_in(given).items():
        saved = getattr(config, key)
        if saved != value:
            raise UserError(
                f"The run {name} has --{key} {saved}, and so has everything that uses its weights; leave"
                f" out --{key} {value}, or choose another run."
            )
