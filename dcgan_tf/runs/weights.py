"""Where trained weights come from: a checkpoint of a run or of the original program, or a run that the package brings.

A kind of weights is a function that returns Weights, and one that reads their variables. Only that needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Origin, Run, iteration_in
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import RUN, WEIGHTS, Config, settings_of
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.startup import start_tensorflow

if TYPE_CHECKING:
    import keras
    import numpy as np

PRETRAINED = Path(__file__).parents[1] / "pretrained"  # the folder of the runs that the package brings
RAW = "raw weights"
AVERAGE = "average of the weights"

Arrays = Mapping[str, "np.ndarray"]  # by the names of the variables, which are the original's


@dataclass(frozen=True)
class Weights:
    """Trained weights that were found. Their variables are read once, when they are first needed.

    So a training that goes on changes nothing, and another process gets what was read.
    """

    name: str  # for messages
    config: Config  # of the training
    read: Callable[[Any], tuple[Origin, Arrays]]
    place: Any  # the argument of `read`
    run: Run | None = None  # that has the checkpoint
    kind: str = RAW  # of the weights of `generator`
    has_average: bool = False  # whether there is an average (EMA) of the generator's weights beside them
    has_discriminator: bool = True
    knows_data: bool = True  # whether `config` names the data set that they were trained on
    about: Mapping[str, Any] = field(default_factory=dict)  # what is known of their data: data, licence

    @functools.cached_property
    def _content(self) -> tuple[Origin, Arrays]:
        return self.read(self.place)

    def origin(self) -> Origin:
        """Return the file or folder that they were read from. Raises UserError."""
        return self._content[0]

    def generator(self) -> keras.Model:
        """Return the generator with the weights of `kind`. Raises UserError if they cannot be read."""
        from dcgan_tf.networks import build_generator

        prefix = ""
        if self.has_average and self.kind == AVERAGE:
            prefix = "g_ema/"
        generator = build_generator(self.config)
        self.assign(generator, prefix=prefix)
        return generator

    def discriminator(self) -> keras.Model:
        """Return the discriminator. Raises UserError if there is none, or it cannot be read."""
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
        for variable in (variable for network in networks for variable in network.variables):
            array = arrays.get(prefix + variable.path)
            if array is None or array.shape != tuple(variable.shape):
                raise UserError(
                    f"{origin.path} does not fit the sizes of {self.name}: its {prefix}{variable.path} should have the"
                    f" shape {tuple(variable.shape)}, but has {getattr(array, 'shape', 'none')}; choose other weights."
                )
            variable.assign(array)

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
      raw: whether the generator takes its own weights, and not their average.
    Raises: UserError if the run has no settings, or they are damaged.
    """
    config = run.config()
    has_average = config.g_ema > 0
    kind = RAW
    if has_average and not raw:
        kind = AVERAGE
    return Weights(run.name, config, _read_run, (run, best, iteration), run, kind, has_average)


def _read_run(place: tuple[Run, bool, int]) -> tuple[Origin, Arrays]:
    from dcgan_tf.runs import checkpoint

    return checkpoint.read(*place)


def of_original(path: str, given: Mapping[str, Any]) -> Weights:
    """Return a checkpoint of the original program.

    Args:
      path: of one of its files, with or without extension, or of its folder.
      given: the settings that the user gave, for what the shapes do not say.
    Raises: UserError if there is none, or a given setting contradicts its shapes.
    """
    start_tensorflow()
    from dcgan_tf.runs import original

    path = original.prefix(path)
    sizes = original.sizes(path, given.get("output_height"), given.get("output_width"))
    given = {name: value for name, value in given.items() if value is not None}
    config = Config(**given | sizes | {"conditional": bool(sizes["class_names"])})
    return Weights(Path(path).name, config, _read_original, path, knows_data=False)


def _read_original(path: str) -> tuple[Origin, Arrays]:
    from dcgan_tf.runs import original

    return Origin(path, iteration_in(path)), original.read(path)


def of_pretrained(name: str) -> Weights:
    """Return the run of the data set `name` that comes with the package, in a folder of that name.

    It has FLAGS.json, generator.npz with float16 weights, maybe discriminator.npz, and about.json: iteration, command,
    data, licence, sha256.

    Raises: UserError if there is no such run, or it is damaged.
    """
    names = sorted(file.parent.name for file in PRETRAINED.glob("*/about.json"))
    if name not in names:
        raise UserError(f"There is no pretrained run of the data set {name!r}; there are {', '.join(names)}.")
    folder = PRETRAINED / name
    config = flags_json.read(folder / flags_json.NAME)
    with _error_of(folder / "about.json"):
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        origin = Origin(str(folder), int(about["iteration"]))
    kind = RAW
    if config.g_ema:
        kind = AVERAGE
    both = (folder / "discriminator.npz").exists()
    return Weights(f"pretrained-{name}", config, _read_npz, origin, kind=kind, has_discriminator=both, about=about)


def _read_npz(origin: Origin) -> tuple[Origin, Arrays]:
    import numpy as np

    arrays: dict[str, np.ndarray] = {}
    for file in Path(origin.path).glob("*.npz"):
        with _error_of(file), np.load(io.BytesIO(file.read_bytes())) as content:  # each array has a checksum
            arrays |= {name: array.astype(np.float32) for name, array in content.items()}
    return origin, arrays


@contextlib.contextmanager
def _error_of(path: Path) -> Iterator[None]:
    """Turn an error in the block into a UserError about a damaged file of the package."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"The pretrained file {path} is damaged ({reason(error)}); install dcgan_tf again.") from error


def architecture_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given settings that are fixed when a run begins. What is auto, the run has decided."""
    names = settings_of(WEIGHTS, RUN)
    return {name: value for name, value in given.items() if name in names and value not in (None, "auto")}


def has_setting(config: Config, name: str, value: Any) -> bool:
    """Return whether a run has this value of a setting. Without labels, the original's networks have 4 stages."""
    saved = getattr(config, name)
    if name == "stages" and not config.has_labels and {saved, value} == {"4", "original"}:
        return True
    return saved == value


def check_architecture(name: str, config: Config, given: Mapping[str, Any]) -> None:
    """Raise UserError if a given setting of the architecture differs from that of the weights, which cannot change."""
    for key, value in architecture_in(given).items():
        if not has_setting(config, key, value):
            raise UserError(
                f"The run {name} has --{key} {getattr(config, key)}, and so has everything that uses its weights; leave"
                f" out --{key} {value}, or choose another run."
            )
