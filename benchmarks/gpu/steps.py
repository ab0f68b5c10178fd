"""The train steps to export: the networks of the benchmarks, those of --preset small, and those of the recordings."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.gpu import made
from benchmarks.gpu.forms import use
from dcgan_tf import losses
from dcgan_tf.augment import RANDOM_NUMBERS
from dcgan_tf.model import DCGAN
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.options import PRESETS

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
import replay_golden
import train_step

OF_UPDATE = ("d_loss", "d_loss_real", "d_loss_fake", "g_loss_1", "g_loss_2")
DEVIATION = 0.02  # of initial weights


@dataclasses.dataclass
class Step:
    """A train step before its first iteration."""

    name: str
    precision: str
    model: DCGAN
    function: Callable[..., list[tf.Tensor]]  # of the inputs; it returns the losses
    losses: tuple[str, ...]
    inputs: list[made.Entry]
    state: list[made.Entry]
    recording: replay_golden.Replay | None = None  # it has inputs and state; without it they are made
    variant: str = ""

    def variables(self) -> dict[str, tf.Variable]:
        """Return all variables; no checkpoint stores the learning rate."""
        return self.model.state() | {"learning_rate": self.model.learning_rate}

    def first(self) -> dict[str, np.ndarray]:
        """Return the values of all variables before the first iteration."""
        if self.recording:
            return {name: variable.numpy() for name, variable in self.variables().items()}
        return {entry["name"]: made.array(entry) for entry in self.state}

    def batch(self, number: int) -> list[np.ndarray]:
        """Return what an iteration, 0, 1, ..., is given."""
        if self.recording:
            return list(self.recording.inputs[number])
        return [made.array(entry, number) for entry in self.inputs]


def made_step(network: str, precision: str, batch_size: int, width: int = 64, variant: str = "") -> Step:
    """Return a step on made-up weights and images: all that the program compiles of an iteration.

    Args:
      network: mnist, made64 or small.
      precision: tf32 (what TensorFlow makes of float32 on a GPU unless told otherwise), bfloat16 or float32.
      width: filters; the benchmarks' networks have 64.
      variant: a name in VARIANTS.
    """
    config = config_of(network, precision, batch_size, width)
    model = DCGAN(config)
    if variant:
        use(model, variant)

    def iteration(images: tf.Tensor, labels: tf.Tensor, *draws: tf.Tensor) -> list[tf.Tensor]:
        model.iterations.assign_add(1)
        logged = model.on_replica(images, labels, dict(zip(("z", "augmentations"), draws, strict=False)))
        return [logged[name] for name in losses.LOSSES]

    name = f"{network}_{precision}_{batch_size}_{variant}".rstrip("_")
    inputs = input_entries(config, model.passes)
    step = Step(name, precision, model, iteration, losses.LOSSES, inputs, [], variant=variant)
    step.state = [state_entry(name, variable) for name, variable in step.variables().items()]
    return step


def recorded_step(file: Path) -> Step:
    """Return the step of a recording of the original, which takes images as floats and labels as one-hot rows."""
    replay = replay_golden.Replay(file, xla=True)
    replay.assign("init")

    def iteration(*batch: tf.Tensor) -> list[tf.Tensor]:
        out = replay.model.update(*batch)
        return [out[name] for name in OF_UPDATE]

    arrays = zip(("images", "labels", "z"), replay.inputs[0], strict=True)
    inputs = [entry_of(name, value) for name, value in arrays]
    step = Step(f"golden_{file.stem}", "float32", replay.model, iteration, OF_UPDATE, inputs, [], replay)
    step.state = [entry_of(name, variable.numpy()) for name, variable in step.variables().items()]
    return step


def config_of(network: str, precision: str, batch_size: int, width: int) -> Config:
    """Return the settings of a made-up step. Those of batch norm are of compiled steps."""
    flags = ["--xla=on", f"--batch_size={batch_size}", f"--width={width}"]
    flags += [f"--dataset={network.replace('small', 'made64')}", f"--precision={precision.replace('tf32', 'float32')}"]
    config = train_step.config_of(train_step.parser().parse_args(flags))
    if network == "small":
        return dataclasses.replace(config, **{name: PRESETS["small"][name] for name in ("g_ema", "augment")})
    return config


def input_entries(config: Config, passes: int) -> list[made.Entry]:
    batch = config.batch_size
    entries = [
        {"name": "images", "shape": [batch, *config.image_shape], "dtype": "uint8", "below": 256},
        {"name": "labels", "shape": [batch], "dtype": "int32", "below": max(config.y_dim, 1)},
        {"name": "z", "shape": [batch, config.z_dim], "dtype": "float32", "low": -1, "high": 1},
    ]
    if config.augment:
        shape = [batch, passes, RANDOM_NUMBERS]
        entries.append({"name": "numbers", "shape": shape, "dtype": "float32", "low": 0, "high": 1})
    return entries


def state_entry(name: str, variable: tf.Variable) -> made.Entry:
    """Return how the first value of a variable is made: at random if it is a kernel, and else as it is."""
    value = variable.numpy()
    entry = entry_of(name, value)
    if name.endswith(("/w", "/Matrix")) and "adam" not in name:
        limit = 3**0.5 * DEVIATION
        return entry | {"low": -limit, "high": limit}
    return entry | {"fill": value.flat[0].item()}


def entry_of(name: str, value: np.ndarray) -> made.Entry:
    return {"name": name, "shape": list(value.shape), "dtype": value.dtype.name}
