"""What a training writes: curves for TensorBoard and the screen, sample sheets, evaluations, checkpoints."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Run
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import warn_on_write_error
from dcgan_tf.system.files import remove_temporary_files
from dcgan_tf.system.messages import progress, say
from dcgan_tf.training.curves import Curves, Pace, remove_points_after
from dcgan_tf.training.loader import Batch
from dcgan_tf.training.monitor import Monitor
from dcgan_tf.training.schedule import Schedule
from dcgan_tf.training.training_sheets import TrainingSheets, describe, describe_folders, write_reals

Logged = dict[str, tf.Tensor]
OnLog = Callable[[dict[str, float]], None]  # called with the iteration and the losses, by name


class SilentRecorder:
    """Reads and writes nothing. Used by all workers but the chief."""

    def begin(self, weights: Weights | None, resumed: bool) -> None:
        """Load the weights that the training begins with, and say what will be trained."""

    def after(self, batch: Batch, logged: Logged) -> None:
        """Write what is due after the batch's last iteration. Args: logged: what the train step returned."""

    def close(self) -> None:
        """Close what is open."""

    def finish(self, logged: Logged | None, finished: bool) -> str:
        """Write the last checkpoint and, if the training finished, the last sheet. Returns what to say of them."""
        return ""

    def tell_story(self) -> None:
        """Write the curves and the GIF of a finished training."""


class Recorder(SilentRecorder):
    """Loads the weights, and writes the curves, sheets and checkpoints that are due. Only the chief has one."""

    def __init__(
        self, config: Config, run: Run, dataset: Dataset, model: DCGAN, schedule: Schedule, on_log: OnLog | None = None
    ):
        """Args: what a training has; on_log: called with each logged iteration and its losses."""
        self.config = config
        self.run = run
        self.dataset = dataset
        self.model = model
        self.schedule = schedule
        self.on_log = on_log
        self.monitor = Monitor(config.learning_rate, config.warn_collapse)
        self.checkpoints = Checkpoints(model, run.folder, config.max_to_keep)
        self.writers: dict[str, Callable[[int, Logged], object]] = {  # for each rule of the schedule
            "curves": self._write_curves,
            "sheet": self._write_sheet,
            "sheet of an epoch": self._write_epoch_sheet,
            "evaluation": self._evaluate,
            "checkpoint": self._save,
        }
        if set(self.writers) != set(schedule.rules):
            raise ValueError("the schedule's rules and the recorder's writers differ")

    def begin(self, weights: Weights | None, resumed: bool) -> None:
        if weights:
            say(f"Weights from {weights.origin().path}")
            weights.assign(self.model.generator, self.model.discriminator)
            self.model.begin_ema()
            self.checkpoints.save()  # FLAGS.json does not name them, so only this lets --resume find them again
        if resumed:
            path = self.checkpoints.restore()
            say(f"Continue from {path or 'the beginning, because no checkpoint was saved yet'}")
            remove_temporary_files((self.run.folder, self.run.samples_folder, self.run.logs_folder))
            flags_json.save(self.run.flags_file, self.config)
            with warn_on_write_error("The folder of the sheets"):
                self.run.samples_folder.mkdir(parents=True, exist_ok=True)  # a copy of a run can be without it
            with warn_on_write_error("The curves"):
                remove_points_after(self.run.curves(), self.model.iterations_done)
        self.curves = Curves(self.run.logs_folder, self.config.value_range)
        if self.config.evaluate_freq:
            from dcgan_tf.training.evaluations import PeriodicEvaluator  # here, because few trainings need it

            self.evaluator = PeriodicEvaluator(self.config, self.run, self.model, self.dataset, self.curves)
        describe(self.config, self.dataset, self.model)
        describe_folders(self.run)
        write_reals(self.config, self.run, self.dataset, self.schedule)
        self.sheets = TrainingSheets(self.config, self.run, self.model, self.dataset, self.monitor)
        done = self.model.iterations_done
        self.pace = Pace(done, self.config.batch_size)
        self.bar = progress(initial=done, total=self.schedule.total, mininterval=0.2)

    def after(self, batch: Batch, logged: Logged) -> None:
        self.pace.wait(batch.seconds_waited)
        epoch = self.schedule.epoch_of(batch.iteration)
        self.bar.set_description(f"epoch {epoch}/{self.schedule.epochs}", refresh=False)
        self.bar.update(len(batch.images))
        for name in self.schedule.due(batch.iteration):
            self.writers[name](batch.iteration, logged)

    def _write_curves(self, iteration: int, logged: Logged) -> None:
        losses = self.monitor.check_losses(logged, iteration)
        if self.on_log:
            self.on_log({"iteration": iteration} | losses)
        self.curves.write(iteration, logged, losses)
        shown = {"d_loss": f"{losses['d_loss']:.4f}", "g_loss": f"{losses['g_loss']:.4f}"}
        self.bar.set_postfix(shown | self.pace.lap(iteration), refresh=False)

    def _write_sheet(self, iteration: int, logged: Logged) -> None:
        self.sheets.write(f"train_{iteration:08d}", iteration)

    def _write_epoch_sheet(self, iteration: int, logged: Logged) -> None:
        self.sheets.write(f"epoch_{self.schedule.epoch_of(iteration):04d}", iteration)

    def _evaluate(self, iteration: int, logged: Logged) -> None:
        self.evaluator.measure(iteration)

    def _save(self, iteration: int, logged: Logged | None) -> str:
        """Save a checkpoint, and flush the curves. Returns its path.

        Raises: UserError if a loss or a weight is not finite.
        """
        if logged is not None:
            self.monitor.check_weights(self.model, logged, iteration)
        self.curves.flush()
        return self.checkpoints.save()

    def close(self) -> None:
        self.bar.close()

    def finish(self, logged: Logged | None, finished: bool) -> str:
        done = self.model.iterations_done
        if finished:
            self._write_sheet(done, {})
        return f"; saved {self._save(done, logged)}\nSample sheets: {self.run.samples_folder}"

    def tell_story(self) -> None:
        from dcgan_tf.sampling.story import write_story  # here, because it imports matplotlib

        with warn_on_write_error("The report"):
            say("\n".join(["Curves and GIF:", *(f"    {path}" for path in write_story(self.run))]))
