"""Where the weights of networks come from: a checkpoint of a run, the original program, or a pretrained run.

TensorFlow is needed only to load weights, and to read the sizes of an original checkpoint.
"""

from __future__ import annotations

import abc
import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dcgan_tf.runs.run import Run, check_architecture
from dcgan_tf.settings.config import ARCHITECTURE, Config, settings_with
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.startup import start_tensorflow

if TYPE_CHECKING:
    import keras

# A training that begins with the weights can have other values of these.
NOT_OF_WEIGHTS = ("g_ema", "hold_out")
AVERAGE = "average of the weights"


class Origin(NamedTuple):
    """The file or folder that weights were loaded from."""

    path: str
    iteration: int | None  # None if it is unknown


def original_prefix(path: str) -> str:
    """Return the path of one of the files of an original checkpoint without its extension, such as model.b64-1000."""
    return re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path)


class Weights(abc.ABC):
    """Weights of a generator and, if has_discriminator, of a discriminator."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The name for messages."""

    @property
    def has_discriminator(self) -> bool:
        return True

    @property
    def has_average(self) -> bool:
        """Whether there is an average (EMA) of the generator's weights beside them."""
        return False

    @property
    def knows_data(self) -> bool:
        """Whether `config` names the data set that they were trained on."""
        return True

    @property
    def kind(self) -> str:
        """Which weights the generator has, for messages."""
        return "raw weights"

    @property
    def about(self) -> Mapping[str, Any]:
        """What is known of their data, with the keys data and licence, if anything."""
        return {}

    @abc.abstractmethod
    def config(self, given: Mapping[str, Any]) -> Config:
        """Return the settings that belong to the weights.

        Args:
          given: the settings that the user gave, for what the weights do not say.
        Raises: UserError.
        """

    @abc.abstractmethod
    def load(self, *networks: keras.Model) -> Origin:
        """Load the weights into the networks. Raises UserError."""

    def at(self, origin: Origin) -> Weights:
        """Return the weights that were loaded from there, also if there are newer ones now."""
        return self

    def generator(self, config: Config) -> tuple[keras.Model, Origin]:
        """Return the generator that makes the images. Raises UserError."""
        from dcgan_tf.networks import build_generator

        generator = build_generator(config)
        return generator, self.load(generator)

    def discriminator(self, config: Config) -> tuple[keras.Model, Origin]:
        """Return the discriminator. Raises UserError."""
        from dcgan_tf.networks import build_discriminator

        self.check_has_discriminator()
        discriminator = build_discriminator(config)
        return discriminator, self.load(discriminator)

    def check_has_discriminator(self) -> None:
        """Raise UserError if there are only the generator's weights."""
        if not self.has_discriminator:
            raise UserError(
                f"The pretrained run {self.name} has only the generator, but this needs the discriminator, too; use a"
                " run that you trained."
            )

    def required_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a training that begins with these weights must have: its architecture and class_names.

        Raises: UserError if a given setting contradicts the weights.
        """
        self.check_has_discriminator()
        config = self.config(given)
        names = [name for name in settings_with(ARCHITECTURE) if name not in NOT_OF_WEIGHTS]
        check_architecture(self.name, config, {name: value for name, value in given.items() if name in names})
        return {name: getattr(config, name) for name in (*names, "class_names")}


@dataclass(frozen=True)
class Checkpoint(Weights):
    """A checkpoint of a run: the newest, the best, or that of an iteration."""

    run: Run
    best: bool = False
    iteration: int = 0  # 0: the newest that can be read
    raw: bool = False  # whether to take the generator's weights, not their average

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def folder(self) -> Path:
        if self.best:
            return self.run.best_folder
        return self.run.folder

    @property
    def has_average(self) -> bool:
        return self.run.config().g_ema > 0

    @property
    def kind(self) -> str:
        if self.has_average and not self.raw:
            return AVERAGE
        return super().kind

    def config(self, given: Mapping[str, Any]) -> Config:
        return self.run.config()

    def at(self, origin: Origin) -> Weights:
        if self.best or origin.iteration is None:
            return self
        return dataclasses.replace(self, iteration=origin.iteration)

    def load(self, *networks: keras.Model) -> Origin:
        from dcgan_tf.runs import checkpoint

        return checkpoint.restore(self, checkpoint.network_variables(*networks))

    def generator(self, config: Config) -> tuple[keras.Model, Origin]:
        """Return the generator, with the average of its weights if there is one. Raises UserError."""
        if self.raw or not config.g_ema:
            return super().generator(config)
        from dcgan_tf.model import ema_variables
        from dcgan_tf.networks import build_generator
        from dcgan_tf.runs import checkpoint

        generator = build_generator(config)
        return generator, checkpoint.restore(self, ema_variables(generator))


@dataclass(frozen=True)
class Original(Weights):
    """A checkpoint of the original program."""

    path: str

    @property
    def name(self) -> str:
        start_tensorflow()
        from dcgan_tf.runs import original

        return Path(original.prefix(self.path)).name

    @property
    def knows_data(self) -> bool:
        return False

    def config(self, given: Mapping[str, Any]) -> Config:
        start_tensorflow()
        from dcgan_tf.runs import original

        return dataclasses.replace(Config(**given), **original.sizes(self.path, given))

    def load(self, *networks: keras.Model) -> Origin:
        from dcgan_tf.runs import original

        return Origin(*original.load(self.path, *networks))


@dataclass(frozen=True)
class Pretrained(Weights):
    """A trained run that comes with the package."""

    folder: Path

    @property
    def name(self) -> str:
        return f"pretrained-{self.folder.name}"

    @property
    def has_discriminator(self) -> bool:
        from dcgan_tf.runs import pretrained

        return pretrained.has_discriminator(self.folder)

    @property
    def kind(self) -> str:
        if self.config({}).g_ema:
            return AVERAGE
        return super().kind

    @property
    def about(self) -> Mapping[str, Any]:
        from dcgan_tf.runs import pretrained

        return pretrained.read_about(self.folder)

    def config(self, given: Mapping[str, Any]) -> Config:
        from dcgan_tf.runs import pretrained

        return pretrained.config(self.folder)

    def load(self, *networks: keras.Model) -> Origin:
        from dcgan_tf.runs import pretrained

        return Origin(*pretrained.load(self.folder, *networks))
