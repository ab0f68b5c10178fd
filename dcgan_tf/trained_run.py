"""A trained run for Python programs: its images, figures and losses as arrays and dictionaries."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run
from dcgan_tf.runs.select import override
from dcgan_tf.settings import values
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from dcgan_tf.sampling.project import Projection
    from dcgan_tf.sampling.sheets import SampleFn

Classes = int | str | Sequence[int | str] | None  # numbers or names; None: all classes in turn


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
        from dcgan_tf.sampling import sheets

        with quiet():
            return sheets.load_sample_fn(self.run, self.config)

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
        from dcgan_tf.sampling import sheets

        seeds = values.interpolation(",".join(map(str, seeds)))
        steps = values.steps(steps)
        return sheets.interpolate(self.sample_fn, self.config, seeds, steps, self.classes(classes))

    def project(self, image: str | Path | np.ndarray, classes: Classes = None) -> Projection:
        """Find the z whose image is most like the given one, as --project does.

        Args:
          image: an image file, or uint8 [H, W, C] of the generator's size.
          classes: with labels, the classes to try (default: all).
        Returns: the found z [Z], its label, its image uint8 [H, W, C], and rms, the difference in gray levels.
        """
        import numpy as np

        from dcgan_tf.data.decode import read_image
        from dcgan_tf.data.image_spec import ImageSpec
        from dcgan_tf.sampling import project

        if not isinstance(image, np.ndarray):
            image = read_image(Path(image), ImageSpec.of(self.config))
        shape = (self.config.output_height, self.config.output_width, self.config.c_dim)
        if image.shape != shape or image.dtype != np.uint8:
            raise UserError(f"The image must be uint8 of the shape {shape}, but is {image.dtype} of {image.shape}.")
        with quiet():
            return project.project(self.run, self.config, image, self.classes(classes))

    def evaluate(self, **settings: Any) -> dict[str, Any]:
        """Measure the run on its data set, as --evaluate does. Returns the content of metrics.json.

        Args:
          settings: those that may differ from the training, e.g. evaluate_samples=10_000 or data_dir="data".
        """
        from dcgan_tf.evaluation.evaluate import evaluate

        with quiet():
            return evaluate(self.run, override(self.config, settings))

    def losses(self) -> dict[str, np.ndarray]:
        """Return the logged losses: arrays of one length, named iteration, d_loss, d_loss_real, d_loss_fake, g_loss."""
        import numpy as np

        from dcgan_tf.losses import LOSSES
        from dcgan_tf.sampling.story import read_losses

        points = read_losses(self.run.logs)
        columns = {name: np.array([point[name] for point in points.values()]) for name in LOSSES}
        return {"iteration": np.array(list(points), np.int64)} | columns

    def classes(self, classes: Classes = None) -> tuple[int, ...]:
        """Return the numbers of the classes; all classes if None; none for a run without labels."""
        several = [classes] if isinstance(classes, int | str) else classes or []
        return tuple(values.classes(",".join(map(str, several)), self.config.class_names))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Print nothing. What the program would print as a warning becomes a Python warning."""
    messages = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(messages):
            yield
    finally:
        for line in messages.getvalue().splitlines():
            if line.startswith("Warning: "):
                warnings.warn(line.removeprefix("Warning: "), stacklevel=4)
