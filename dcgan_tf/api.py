"""The program from Python: dcgan_tf.load() and dcgan_tf.train(). The commands of main.py run the same code."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf import cli_values
from dcgan_tf.config import PRESETS, Config, settings_with
from dcgan_tf.errors import UserError
from dcgan_tf.pretrained import find as find_pretrained
from dcgan_tf.runs import Run, Runs
from dcgan_tf.setting import Trait
from dcgan_tf.startup import start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from dcgan_tf.generation.generate import SampleFn
    from dcgan_tf.generation.project import Projection

Classes = int | str | Sequence[int | str] | None  # numbers or names; None: all classes in turn


def select(
    runs: Runs,
    config: Config,
    name: str,
    given: dict[str, Any],
    *,
    checkpoint: str = "",
    best: bool = False,
    iteration: int = 0,
    weights: str = "",
    pretrained: bool = False,
) -> tuple[Run, Config]:
    """Choose trained weights. The first of these rules that applies chooses them:

    1. With a checkpoint of the original program: that one. The shapes of its weights give the sizes of the networks.
    2. With pretrained: the run of this data set that comes with the package or was fetched.
    3. The run of that name, or else the newest run that matches the data set and `given`. Settings come from the run,
       except those with the trait OVERRIDE or MACHINE.

    Args:
      config: the settings to use with a checkpoint; otherwise only its data set is used.
      name: of the run, or blank.
      given: the settings that the user gave.
      checkpoint: path of a checkpoint of the original program, or blank.
      pretrained: whether to use the run that comes with the package or was fetched.
      best, iteration, weights: which of the run's weights, as `load` has them.
    Returns: the run and its settings. Raises: UserError if there is no such run or checkpoint.
    """
    if checkpoint:
        start_tensorflow()
        from dcgan_tf import tf1_checkpoint

        run = original(runs, checkpoint, name)
        config = dataclasses.replace(config, **tf1_checkpoint.sizes(checkpoint, given))
    else:
        run = find_pretrained(runs, config.dataset) if pretrained else runs.find(config.dataset, name, given)
        config = run.config()
    if weights == "ema" and not config.g_ema:
        raise UserError(
            f"The run {run.name} has no average of the weights; train with --g_ema, or use its raw weights."
        )
    run = dataclasses.replace(run, best=best, iteration=iteration, raw=weights == "raw")
    # Seeds of images begin with 0, whatever the seed of the training was.
    return run, _override(config, {"seed": 0} | given)


def find_start(runs: Runs, dataset: str, init_from: str) -> Run | None:
    """Return the run whose weights a training begins with: a run's name, or pretrained:NAME; None if blank.

    Raises UserError if there is no such run.
    """
    kind, _, name = init_from.partition(":")
    if kind == "pretrained":
        return find_pretrained(runs, name)
    return runs.find(dataset, init_from) if init_from else None


def original(runs: Runs, checkpoint: str, name: str = "") -> Run:
    """Return a checkpoint of the original program as a run, by default with its own name. Raises UserError."""
    from dcgan_tf import tf1_checkpoint

    run = runs.named(name or Path(tf1_checkpoint.prefix(checkpoint)).name)
    return dataclasses.replace(run, original_checkpoint=checkpoint)


def _override(config: Config, given: dict[str, Any]) -> Config:
    """Replace the settings that may differ from those of the training."""
    allowed = settings_with(Trait.OVERRIDE | Trait.MACHINE)
    return dataclasses.replace(config, **{name: value for name, value in given.items() if name in allowed})


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A trained run. Images are uint8 arrays with values 0 to 255. Methods raise UserError and print nothing."""

    run: Run
    config: Config

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def samples(self) -> Path:
        """The folder of the run's sheets: train_<iteration>.png, epoch_<epoch>.png, reals.png."""
        return self.run.samples

    @functools.cached_property
    def sample_fn(self) -> SampleFn:
        """The generator: z float32 [N, Z] and labels int32 [N] -> images uint8 [N, H, W, C]."""
        from dcgan_tf.generation import generate

        with _quiet():
            return generate.load_sample_fn(self.run, self.config)

    def generate(
        self,
        count: int | None = None,
        *,
        seed: int = 0,
        classes: Classes = None,
        z: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> np.ndarray:
        """Generate images: those of `count` seeds, as --generate_test_images writes them, or those of z.

        Args:
          count: number of images (default: 1), if z is not given.
          seed: of the first image; the others have seed + 1, seed + 2, ...
          classes: with labels, the classes of the images, in turn, e.g. 7 or [3, 5] or "cat,dog" (default: all).
          z: float32 [N, Z], instead of count and seed.
          labels: int32 [N], the class of each z, instead of classes.
        Returns: uint8 [N, H, W, C].
        """
        import numpy as np

        from dcgan_tf import latents

        seeds = range(seed, seed + (1 if count is None else count)) if z is None else range(len(z))
        if z is not None and (count is not None or np.ndim(z) != 2 or np.shape(z)[1] != self.config.z_dim):
            raise UserError(
                f"z must have the shape [N, {self.config.z_dim}], and no count with it, but its shape is {np.shape(z)}."
            )
        if count is not None and count < 1:
            raise UserError(f"The count of images must be at least 1, but is {count}.")
        if labels is None:
            labels = latents.cycle_labels(seeds, self.classes(classes))
        elif len(labels) != len(seeds) or not all(0 <= label < self.config.y_dim for label in labels):
            raise UserError(f"labels must be {len(seeds)} numbers from 0 to {self.config.y_dim - 1}, but are {labels}.")
        if z is None:
            z = self.z(seeds)
        return self.sample_fn(np.asarray(z, np.float32), np.asarray(labels, np.int32))

    def z(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the z of each seed, float32 [len(seeds), Z], for generate(z=...)."""
        from dcgan_tf import latents

        return latents.z_from_seeds(seeds, self.config.z_dim, self.config.z_dist)

    def interpolate(self, seeds: Sequence[int], steps: int = 16, classes: Classes = None) -> np.ndarray:
        """Return the images from each seed to the next, uint8 [segments, classes or 1, steps, H, W, C]."""
        from dcgan_tf.generation import generate

        seeds = cli_values.interpolation(",".join(map(str, seeds)))
        steps = cli_values.steps(steps)
        return generate.interpolate(self.sample_fn, self.config, seeds, steps, self.classes(classes))

    def project(self, image: str | Path | np.ndarray, classes: Classes = None) -> Projection:
        """Find the z whose image is most like the given one, as --project does.

        Args:
          image: an image file, or uint8 [H, W, C] of the generator's size.
          classes: with labels, the classes to try (default: all).
        Returns: the found z [Z], its label, its image uint8 [H, W, C], and rms, the difference in gray levels.
        """
        import numpy as np

        from dcgan_tf.data.decode import read_image
        from dcgan_tf.generation import project

        if not isinstance(image, np.ndarray):
            image = read_image(Path(image), self.config)
        shape = (self.config.output_height, self.config.output_width, self.config.c_dim)
        if image.shape != shape or image.dtype != np.uint8:
            raise UserError(f"The image must be uint8 of the shape {shape}, but is {image.dtype} of {image.shape}.")
        with _quiet():
            return project.project(self.run, self.config, image, self.classes(classes))

    def evaluate(self, **settings: Any) -> dict[str, Any]:
        """Measure the run on its data set, as --evaluate does. Returns the content of metrics.json.

        Args:
          settings: those that may differ from the training, e.g. evaluate_samples=10_000 or data_dir="data".
        """
        from dcgan_tf.evaluation.evaluate import evaluate

        with _quiet():
            return evaluate(self.run, _override(self.config, settings))

    def losses(self) -> dict[str, np.ndarray]:
        """Return the logged losses: arrays of one length, named iteration, d_loss, d_loss_real, d_loss_fake, g_loss."""
        import numpy as np

        from dcgan_tf.generation.report import read_losses
        from dcgan_tf.losses import LOSSES

        points = read_losses(self.run.logs)
        columns = {name: np.array([point[name] for point in points.values()]) for name in LOSSES}
        return {"iteration": np.array(list(points), np.int64)} | columns

    def classes(self, classes: Classes = None) -> tuple[int, ...]:
        """Return the numbers of the classes; all classes if None; none for a run without labels."""
        several = [classes] if isinstance(classes, int | str) else classes or []
        return tuple(cli_values.classes(",".join(map(str, several)), self.config.class_names))


def load(
    source: str | Path,
    *,
    out_dir: str | Path = ".",
    best: bool = False,
    iteration: int = 0,
    weights: str = "",
    **settings: Any,
) -> TrainedRun:
    """Find a trained run.

    Args:
      source: a data set, which means the newest run of it; a run's name, or its folder in checkpoints/; a checkpoint of
        the original program; or "pretrained:mnist", which comes with the package.
      out_dir: the folder with checkpoints/, samples/ and logs/.
      best: use the checkpoint that scored best (--evaluate_freq), not the newest.
      iteration: use the checkpoint of this iteration.
      weights: "raw": the generator's weights; "ema": their average (default: the average if the run has one).
      settings: of the run, to find it (e.g. g_ema=0.999), or for its use (e.g. data_dir="data").
    Raises: UserError if there is no such run.
    """
    path, runs = Path(source).expanduser(), Runs(str(Path(out_dir).expanduser()))
    name = checkpoint = ""
    kind, _, pretrained_name = str(source).partition(":")
    pretrained = kind == "pretrained"
    if pretrained:
        source = pretrained_name
    elif (path / "FLAGS.json").is_file():
        path = path.absolute()
        runs, name = Runs(str(path.parents[1]), path.parent.name), path.name
    elif any(path.glob("*.index")) or Path(f"{path}.index").is_file():
        checkpoint = str(path)
    elif path.name == str(source) and runs.named(path.name).has_begun:
        name = path.name
    config = Config(**({"dataset": str(source)} | settings))
    with _quiet():
        chosen = {"checkpoint": checkpoint, "best": best, "iteration": iteration, "weights": weights}
        chosen["pretrained"] = pretrained
        run, config = select(runs, config, name, settings, **chosen)
        start_tensorflow()
    return TrainedRun(run, config)


def train(
    dataset: str,
    *,
    out_dir: str | Path = ".",
    out_name: str = "",
    preset: str = "",
    resume: bool = False,
    init_from: str = "",
    on_log: Callable[[dict[str, float]], None] | None = None,
    verbose: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a run, and return it. Ctrl-C saves a checkpoint and returns what was trained.

    Args:
      dataset: a folder of images, mnist, or a name of tensorflow-datasets.
      out_dir, out_name: the folder for checkpoints/, samples/ and logs/, and the run's name (default: a new name).
      preset: "paper" or "small".
      resume: continue the run out_name, which begins now if there is none, or the newest of this data set.
      init_from: the name of a run whose weights the new run begins with, or e.g. "pretrained:mouths".
      on_log: called every log_freq iterations with {"iteration": ..., "d_loss": ..., "g_loss": ..., ...}.
      verbose: print what the command prints.
      settings: any setting of the command line, e.g. epoch=1, batch_size=32.
    Raises: UserError if a setting is impossible, the data cannot be read, or the training fails.
    """
    unknown = set(settings) - {field.name for field in dataclasses.fields(Config)}
    if unknown or preset not in ("", *PRESETS):
        raise UserError(f"There is no setting or preset {', '.join(sorted(unknown)) or preset}; see main.py --help.")
    runs = Runs(str(Path(out_dir).expanduser()))
    given = {"iterations": None, **settings} if "epoch" in settings else settings
    config = Config(**(PRESETS.get(preset, {}) | given | {"dataset": dataset}))
    stdout = sys.stdout

    def log(values: dict[str, float]) -> None:
        with contextlib.redirect_stdout(stdout):
            on_log(values)

    start_tensorflow()
    from dcgan_tf.training import loop

    with contextlib.nullcontext() if verbose else _quiet():
        start = find_start(runs, dataset, init_from)
        if not resume or (out_name and not runs.named(out_name).has_begun):
            outcome = loop.train_new(config, runs, out_name, start, settings, log if on_log else None)
        else:
            outcome = loop.resume(runs.find(dataset, out_name, settings), settings, log if on_log else None)
    if outcome.run is None:
        raise UserError("Only the first of several workers has the run; use it there, as dcgan_tf.load() does.")
    return TrainedRun(outcome.run, _override(outcome.run.config(), {"seed": 0}))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Print nothing. What the program would print as a warning becomes a Python warning."""
    messages = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(messages):
            yield
    finally:
        for line in messages.getvalue().splitlines():
            if line.startswith("Warning: "):
                warnings.warn(line.removeprefix("Warning: "), stacklevel=4)
