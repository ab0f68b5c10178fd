"""Hold the port against recordings of the original: python tests/replay_golden.py [OPTIONS] FILE.npz ...

Rebuilds the networks of a recording, assigns its initial variables, feeds its images, labels and z through the
project's own train step, and compares every quantity that the decided deviations leave comparable. With --replicas
several devices compute it together, each its part of the batch, as with --sync_bn. Prints quantity, largest difference,
tolerance; exits with 1 past a tolerance. Keys and tolerances: tests/golden/README.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_tf.system.startup import start_tensorflow

start_tensorflow()

import tensorflow as tf  # noqa: E402

from dcgan_tf import losses, replicas  # noqa: E402
from dcgan_tf.model import DCGAN  # noqa: E402
from dcgan_tf.settings.config import Config  # noqa: E402

LOSS = 5e-5  # tolerance of a loss, as a part of it
WEIGHT = 5e-5  # tolerance of a weight
HANDFUL = 1e-3  # share of the weights whose Adam step may have gone the other way (near-zero gradients)
STEPS = 8  # learning rates that a bias before batch norm may have moved


def before_batch_norm(name: str, has_labels: bool) -> bool:
    """Whether it is a bias in front of batch norm, whose gradient is rounding noise."""
    if not name.endswith(("/bias", "/biases")):
        return False
    layers = ("d_h1_conv", "d_h2_conv", "d_h3_conv", "g_h1", "g_h2", "g_h3")
    if has_labels:
        layers = ("d_h1_conv", "d_h2_lin", "g_h0_lin", "g_h1_lin", "g_h2")
    return name.split("/")[1] in layers


def handful(size: int) -> int:
    """How many of so many weights may be past their tolerance."""
    if size <= 16:
        return 0
    return max(2, int(HANDFUL * size))


@dataclass(frozen=True)
class Check:
    """One compared quantity: its largest difference, and what is allowed."""

    quantity: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance  # False for NaN, too


class Replay:
    """One recording and the port's model of the same sizes."""

    def __init__(self, file: Path, xla: bool = False, strategy: tf.distribute.Strategy | None = None):
        self.data = dict(np.load(file))
        recorded = json.loads(str(self.data["config"]))
        sizes = ("c_dim", "z_dim", "z_dist", "batch_size", "gf_dim", "df_dim", "gfc_dim", "dfc_dim")
        self.config = Config(
            output_height=recorded["height"],
            output_width=recorded["width"],
            class_names=tuple(map(str, range(recorded["y_dim"] or 0))),
            xla="on" if xla else "off",
            sync_bn=True,
            **{name: recorded[name] for name in (*sizes, "learning_rate", "beta1")},
        )
        self.strategy = strategy or tf.distribute.get_strategy()
        with self.strategy.scope():
            self.model = DCGAN(self.config)
        self.train_step = tf.function(self.together(self.model.update), jit_compile=xla)
        self.generate = tf.function(self.together(self.model.generator), jit_compile=xla)
        self.discriminate = tf.function(self.together(self.model.discriminator), jit_compile=xla)
        self.steps = len(self.data["images"])
        none = np.zeros((self.steps, self.config.batch_size, 0), np.float32)
        labels = self.data["labels"] if self.config.has_labels else none
        self.inputs = list(zip(self.data["images"], labels, self.data["z"], strict=True))

    def together(self, function: Callable) -> Callable:
        """A function of a whole batch, whose parts the replicas compute."""
        strategy, size = self.strategy, self.config.batch_size // self.strategy.num_replicas_in_sync

        def result(name: str, value: Any) -> Any:
            if isinstance(value, list):
                return [result(name, gradient) for gradient in value]
            parts = strategy.experimental_local_results(value)
            return tf.concat(parts, 0) if name in ("", "G", "D_real_logits", "D_fake_logits") else parts[0]

        def part(inputs: tuple, options: dict[str, bool]) -> Any:
            return function(*(replicas.shard(x, size) for x in inputs), **options)

        def whole(*inputs: tf.Tensor, **options: bool) -> Any:
            out = strategy.run(part, (inputs, options))
            if isinstance(out, dict):
                return {name: result(name, value) for name, value in out.items()}
            return result("", out)

        return whole

    def variables(self, part: str = "") -> dict[str, tf.Variable]:
        """The variables whose original name begins with `part`, by that name."""
        both = [*self.model.generator.variables, *self.model.discriminator.variables]
        return {v.path: v for v in both if v.path.startswith(part)}

    def assign(self, key: str, part: str = "", only: str = "") -> None:
        for name, variable in self.variables(part).items():
            if only in name:
                variable.assign(self.data[f"{key}/{name}"])

    def sample(self) -> np.ndarray:
        labels = self.data["sample_labels"] if self.config.has_labels else self.inputs[0][1]
        return self.generate(self.data["sample_z"], labels, training=False)

    def before_bias(self, name: str) -> bool:
        return before_batch_norm(name, self.config.has_labels)

    def difference(self, key: str, value: tf.Tensor | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(|value - recorded|, recorded) of one key, thinned out as the recording is."""
        recorded, value = self.data[key], np.asarray(value, np.float64)
        if f"stride/{key}" in self.data:
            value = value.ravel()[:: int(self.data[f"stride/{key}"])]
        return np.abs(value.reshape(recorded.shape) - recorded), recorded

    def absolute(self, key: str, value: tf.Tensor | np.ndarray, tolerance: float) -> Check:
        return Check(key, float(self.difference(key, value)[0].max()), tolerance)

    def relative(self, key: str, values: list[float], tolerance: float) -> Check:
        difference, recorded = self.difference(key, values)
        return Check(f"{key} (relative)", float((difference / np.abs(recorded)).max()), tolerance)

    def checks(self) -> Iterator[Check]:
        """All comparisons, in the order of the original's work."""
        self.assign("init")
        yield self.absolute("sampler/init", self.sample(), 1e-5)
        yield from self.batch_statistics()
        self.assign("init")
        runs = {"upd": {}, "eval": {}}
        for step, inputs in enumerate(self.inputs, 1):
            out = self.train_step(*inputs)
            for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss_1", "g_loss_2"):
                runs["upd"].setdefault(name, []).append(float(out[name]))
            for name, value in self.losses_now(*inputs).items():
                runs["eval"].setdefault(name, []).append(value)
            if step == 1:
                yield from self.first_step(out)
            if step in (1, self.steps):
                yield from self.weights(f"after{step}")
        for run, values in runs.items():
            for name, value in values.items():
                yield self.relative(f"{run}/{name}", value, LOSS)
        self.assign(f"after{self.steps}", "generator", only="moving")
        yield self.absolute(f"sampler/after{self.steps}", self.sample(), 1e-3)

    def batch_statistics(self) -> Iterator[Check]:
        """What each pass of the first iteration gives the moving averages, read off averages that start at zero."""
        images, labels, z = self.inputs[0]
        for run, net, forward, x in (
            ("G", "generator", self.generate, z),
            ("D_real", "discriminator", self.discriminate, images),
            ("D_fake", "discriminator", self.discriminate, self.data["step1/G"]),
        ):
            averages = {k: v for k, v in self.variables(net).items() if "moving" in k}
            for average in averages.values():
                average.assign(np.zeros(average.shape))
            forward(x, labels, training=True)
            for name, average in averages.items():
                key = f"bnbatch/{run}/{name.split('/')[1]}/{name.rsplit('moving_')[-1]}"
                difference, recorded = self.difference(key, average.numpy() / np.float32(0.1))
                yield Check(key, float(difference.max()), 2e-5 * max(1.0, float(np.abs(recorded).max())))
        self.assign("init", "generator")
        self.generate(z, labels, training=True)
        for name, average in self.variables("generator").items():
            if "moving" in name:
                yield self.absolute(f"ema/run1/{name}", average, 5e-4)

    def first_step(self, out: dict) -> Iterator[Check]:
        """Forward values and gradients of the first iteration."""
        yield self.absolute("step1/G", out["G"], 1e-5)
        for run in ("D_real", "D_fake"):
            yield self.absolute(f"step1/{run}_logits", out[f"{run}_logits"], 1e-5)
            yield self.absolute(f"step1/{run}", tf.sigmoid(out[f"{run}_logits"]), 1e-5)
        for run, net in (("D", self.model.discriminator), ("G1", self.model.generator), ("G2", self.model.generator)):
            for variable, gradient in zip(net.trainable_variables, out[f"grad_{run}"], strict=True):
                key = f"grad/{run}/{variable.path}"
                difference, recorded = self.difference(key, gradient)
                largest = 2e-4 * float(np.abs(recorded).max())
                yield Check(key, float(difference.max()), 5e-4 if self.before_bias(variable.path) else largest)

    def weights(self, key: str) -> Iterator[Check]:
        """Weights, beta, gamma, biases; of a bias in front of batch norm only that it moved by a few learning rates."""
        for name, variable in self.variables().items():
            if "moving" in name:
                continue  # the decided deviation: fewer passes move the averages
            if self.before_bias(name):
                moved = np.abs(variable.numpy() - self.data[f"init/{name}"]).max()
                yield Check(f"{key}/{name} (moved)", float(moved), STEPS * self.config.learning_rate)
            else:
                difference = np.sort(self.difference(f"{key}/{name}", variable)[0].ravel())
                yield Check(f"{key}/{name}", float(difference[-1 - handful(difference.size)]), WEIGHT)

    def losses_now(self, images: np.ndarray, labels: np.ndarray, z: np.ndarray) -> dict[str, float]:
        """The original's evaluation after the three updates; the moving averages are put back."""
        kept = [(v, v.numpy()) for name, v in self.variables().items() if "moving" in name]
        fake = self.discriminate(self.generate(z, labels, training=True), labels, training=True)
        real = self.discriminate(images, labels, training=True)
        for variable, value in kept:
            variable.assign(value)
        return {
            "d_loss_fake": float(losses.d_loss_fake(fake)),
            "d_loss_real": float(losses.d_loss_real(real)),
            "g_loss": float(losses.g_loss(fake)),
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.npz")
    parser.add_argument("--xla", choices=("on", "off"), default="off", help="compile the train step with XLA")
    parser.add_argument("--replicas", type=int, default=1, help="devices, made of this machine's processor")
    arguments = parser.parse_args()
    strategy = None
    if arguments.replicas > 1:
        devices = [tf.config.LogicalDeviceConfiguration()] * arguments.replicas
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(arguments.replicas)])
    failed = 0
    for file in arguments.files:
        checks = list(Replay(file, arguments.xla == "on", strategy).checks())
        for check in checks:
            verdict = "" if check.passed else "FAILED"
            print(f"{check.quantity:52} {check.difference:9.2e}  allowed {check.tolerance:8.1e}  {verdict}")
        failures = sum(not check.passed for check in checks)
        worst = max(check.difference / check.tolerance for check in checks if check.tolerance)
        print(f"{file.name}: {len(checks)} quantities, {failures} past the tolerance; the nearest used {worst:.0%}\n")
        failed += failures
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
