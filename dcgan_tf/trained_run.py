"""A trained run for Python programs: its images, figures and losses as arrays and dictionaries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.run import Run
from dcgan_tf.runs.select import Selection
from dcgan_tf.settings import options, values
from dcgan_tf.settings.config import EACH_USE, SETTINGS, Config
from dcgan_tf.settings.resolve import check_given, override
from dcgan_tf.settings.values import Classes
from dcgan_tf.system.errors import UserError, device_errors
from dcgan_tf.system.startup import check_process, start_tensorflow

if TYPE_CHECKING:
    import keras
    import numpy as np

    from dcgan_tf.sampling.project import Projection
    from dcgan_tf.sampling.sampler import Sampler


def as_array(name: str, given: Any, dtype: type | None = None) -> np.ndarray:
    """Return what is given as an array of one dimension or more. Raises UserError."""
    import numpy as np

    try:
        return np.atleast_1d(np.asarray(given, dtype))
    except (TypeError, ValueError):
        raise UserError(f"{name} must be numbers, but is {given!r:.200}.") from None


@dataclasses.dataclass(frozen=True, repr=False)
class TrainedRun:
    """A trained run. Images are uint8 arrays with values 0 to 255. Methods raise UserError."""

    selection: Selection
    finished: bool | None = None  # whether the training reached its last iteration; None: not known after `load`

    @property
    def run(self) -> Run:
        """The folders that take what is made with the run: its own, or those in out_dir."""
        return self.selection.run

    @property
    def config(self) -> Config:
        """The settings of the run, for its images: seed is that of the first one."""
        return self.selection.config

    @property
    def settings(self) -> dict[str, Any]:
        """What trains the same run again, `dcgan_tf.train(**run.settings)`: the settings that are not the defaults."""
        return self.selection.weights.config.changed()

    @property
    def iteration(self) -> int | None:
        """The iteration of the weights, which this reads; None if it is unknown."""
        return self._started().weights.origin().iteration

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def samples(self) -> Path:
        """The folder of the run's sheets: train_<iteration>.png, epoch_<epoch>.png, reals.png."""
        return (self.selection.weights.run or self.run).samples_folder

    def __repr__(self) -> str:
        size = "x".join(map(str, self.config.image_shape))
        return f"<TrainedRun {self.name}, {size}, {self.selection.weights.kind}>"

    def __getstate__(self) -> dict[str, Any]:
        """What another process gets: the weights, if they are read already. It makes the networks itself."""
        return {"selection": self.selection, "finished": self.finished}

    def _started(self) -> Selection:
        """Return the selection, when this process can compute with it. Raises UserError."""
        check_process()
        start_tensorflow()
        return self.selection

    @functools.cached_property
    def sampler(self) -> Sampler:
        """The generator with its settings: z and labels of seeds, and the images of z and labels."""
        selection = self._started()
        from dcgan_tf.sampling.sampler import load_sampler

        with device_errors("the program more memory"):
            return load_sampler(selection)

    @functools.cached_property
    def generator(self) -> keras.Model:
        """The generator for inference: z [B, Z], with labels also one-hot y [B, Y] -> images [B, H, W, C] in [0, 1]."""
        return self._inference_model(self._started().weights.generator())

    @functools.cached_property
    def discriminator(self) -> keras.Model:
        """The discriminator for inference: images [B, H, W, C] in [0, 1], with labels also y -> logits [B, 1]."""
        return self._inference_model(self._started().weights.discriminator())

    def _inference_model(self, network: keras.Model) -> keras.Model:
        from dcgan_tf.export.models import inference_model

        return inference_model(network, self.config)

    def export(self, folder: str | Path = "") -> Path:
        """Write the networks for other programs, as --export does: SavedModel, .keras and .tflite.

        Args:
          folder: to write to (default: `export` in the run's folder).
        Returns: the folder.
        """
        selection = self._started()
        from dcgan_tf.export.models import export

        return export(selection, options.SOURCE.convert("export", folder))

    def generate(
        self,
        count: int = 1,
        *,
        seed: int | None = None,
        classes: Classes = None,
        z: np.ndarray | None = None,
        labels: np.ndarray | Sequence[int] | None = None,
    ) -> np.ndarray:
        """Generate images: those of `count` seeds, as --generate_test_images writes them, or those of z.

        Args:
          count: number of images.
          seed: of the first image; the others have seed + 1, seed + 2, ... (default: that of load(), or 0).
          classes: with labels, the classes of the images, in turn, e.g. 7 or [3, 5] or "cat,dog" (default: all).
          z: float32 [N, Z], instead of count and seed.
          labels: int32 [N], the class of each z, instead of classes.
        Returns: uint8 [N, H, W, C]. The generator makes 256 images at a time, so that an image is the same for any N.
        """
        import numpy as np

        config = self.config
        if z is None:
            first = config.seed
            if seed is not None:
                first = SETTINGS["seed"].convert("seed", seed)
            seeds = range(first, first + options.COUNT.convert("generate_test_images", count or 0))
            z = self.sampler.z(seeds)
        else:
            z = as_array("z", z, np.float32)
            if z.shape[1:] != (config.z_dim,):
                raise UserError(f"z must have the shape [N, {config.z_dim}], but has {z.shape}.")
            seeds = range(len(z))
        if labels is None:
            labels = self.sampler.labels(seeds, values.classes(classes, config.class_names))
        else:
            labels = as_array("labels", labels, float)
            if labels.shape != (len(z),) or not np.isin(labels, range(config.y_dim)).all():
                raise UserError(
                    f"labels must be {len(z)} numbers below {config.y_dim}, the number of classes, but are"
                    f" {labels.tolist()}."
                )
        with device_errors("fewer images"):
            return self.sampler.images(z, np.asarray(labels, np.int32))

    def z(self, seeds: Sequence[int]) -> np.ndarray:
        """Return the z of each seed, float32 [len(seeds), Z], for generate(z=...).

        Raises: UserError if a seed is not a whole number from 0 to 2**32 - 1.
        """
        checked = [SETTINGS["seed"].convert("seed", seed) for seed in as_array("seeds", seeds)]
        return self.sampler.z(checked)

    def interpolate(self, seeds: Sequence[int], steps: int = 16, classes: Classes = None) -> np.ndarray:
        """Return the images from each seed to the next, as --interpolate shows them.

        Args:
          seeds: two or more, e.g. [3, 12, 7]; N seeds make N - 1 segments.
          steps: images in each segment, at least 2; both ends are included.
          classes: with labels, the classes to show (default: all).
        Returns: uint8 [segments, classes or 1, steps, H, W, C].
        """
        from dcgan_tf.sampling import sheets

        seeds = values.interpolation("interpolate", seeds)
        steps = options.STEPS.convert("steps", steps)
        with device_errors("fewer steps"):
            return sheets.interpolate(self.sampler, seeds, steps, values.classes(classes, self.config.class_names))

    def project(self, image: str | Path | np.ndarray, classes: Classes = None) -> Projection:
        """Find the z whose image is most like the given one, as --project does.

        Args:
          image: an image file, or uint8 [H, W, C] of the generator's size.
          classes: with labels, the classes to try (default: all).
        Returns: the found z [Z], its label, its image uint8 [H, W, C], and rms, the difference in gray levels.
        """
        import numpy as np

        from dcgan_tf.data.decode import ImageSpec, read_image
        from dcgan_tf.sampling import project

        if isinstance(image, (str, Path)):
            image = read_image(Path(options.SOURCE.convert("project", image)), ImageSpec.of(self.config))
        image = as_array("image", image)
        shape = self.config.image_shape
        if image.shape != shape or image.dtype != np.uint8:
            raise UserError(
                f"The image must be a file, or uint8 of the shape {shape}, but is {image.dtype} of {image.shape}."
            )
        with device_errors("the program more memory"):
            return project.find_z(self._started(), image, values.classes(classes, self.config.class_names))

    def evaluate(self, **settings: Any) -> dict[str, Any]:
        """Measure the run on its data set, as --evaluate does. Returns the content of metrics.json.

        Args:
          settings: those that may differ from the training, e.g. evaluate_samples=10_000 or data_dir="data".
        Raises: UserError if the data set cannot be read, or another setting is given.
        """
        given = check_given(settings)
        for name in given:
            if name not in EACH_USE:
                raise UserError(f"--{name} is fixed since the training; leave it out.")
        from dcgan_tf.evaluation.evaluate import evaluate

        with device_errors("a smaller evaluate_samples"):
            return evaluate(self._started()._replace(config=override(self.config, given)))

    def losses(self) -> dict[str, np.ndarray]:
        """Return the logged losses: arrays of one length, named iteration, d_loss, d_loss_real, d_loss_fake, g_loss."""
        from dcgan_tf.sampling.story import read_losses

        return read_losses((self.selection.weights.run or self.run).logs_folder)
