"""Train: load or restore the weights, loop over batches, write what is due after each, finish."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN, Values
from dcgan_tf.runs.checkpoint import Checkpoints
from dcgan_tf.runs.run import Run
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import StopTraining, typed, warn_on_write_error
from dcgan_tf.system.files import remove_temporary
from dcgan_tf.system.messages import report, say
from dcgan_tf.system.signals import StopRequest
from dcgan_tf.training.cluster import Cluster
from dcgan_tf.training.curves import Callbacks, Curves, OnLog, remove_points_after
from dcgan_tf.training.loader import Batch, load_batches
from dcgan_tf.training.monitor import PeriodicEvaluator
from dcgan_tf.training.schedule import Schedule, When
from dcgan_tf.training.sheets import TrainingSheets, describe, write_reals


class Outcome(NamedTuple):
    """How a training ended."""

    run: Run | None  # None for workers other than the chief
    finished: bool = False
    signal: int = 0  # that came meanwhile; 0 if none did


def train_run(
    config: Config,
    run: Run | None,
    dataset: Dataset,
    cluster: Cluster,
    weights: Weights | None = None,
    *,
    resumed: bool = False,
    callbacks: Callbacks = (None, None),
) -> Outcome:
    """Train to the last iteration, or until a signal or a callback stops it; then save.

    Args:
      run: of the chief, which alone reads and writes it; None for the other workers.
      weights: what a new run begins with; None for random ones.
      resumed: whether to restore the run's newest checkpoint.
    Raises: UserError if a loss or weight is not finite, a checkpoint cannot be written, or a worker is lost.
    """
    schedule = Schedule(config, len(dataset.images))
    with cluster.report_lost_worker(), StopRequest() as stop, contextlib.ExitStack() as stack:
        if run:
            stack.enter_context(run.lock())

        # The networks, on every device, and their weights, which the chief loads or restores
        chief = None
        try:
            with cluster.strategy.scope():
                model = DCGAN(config, schedule.lr_decay)
                train_step = model.compiled()
            if run:
                checkpoints = load_or_restore(run, model, weights, resumed)
                chief = Chief(run, dataset, model, schedule, checkpoints, callbacks)
                stack.enter_context(chief.curves.bar)
        except BaseException:  # also Ctrl-C: a new run that does not begin leaves nothing
            if run and not resumed:
                run.discard()
            raise
        cluster.broadcast_from_chief(model.state().values())

        # The iterations
        for batch in load_batches(dataset, schedule, model):
            if stop.signal and chief:  # the other workers end when the chief leaves
                break
            logged = train_step(batch.images, batch.labels, *batch.draws)
            if chief and not chief.write_due(batch, logged):
                break

        # The end
        done = model.iterations_done
        finished = done >= schedule.total
        end = f"after iteration {done} of {schedule.total}"
        if chief:
            chief.curves.bar.close()
            end += f"; saved {chief.save(done)}\nSample sheets: {chief.sheets.folder}"
        if finished:
            say(f"Finished {end}")
            cluster.broadcast_from_chief([model.iterations])  # waits for all: who exits earlier counts as lost
        else:
            say(f"Stopped {end}\n{how_to_continue(weights)}")
    return Outcome(run, finished, stop.signal)


def how_to_continue(weights: Weights | None) -> str:
    """Return what to type to continue a training that began with these weights."""
    again = "To continue, give the same command with --resume"
    if weights:
        again += ", and no --init_from, --checkpoint or --pretrained"
    return again + "."


def load_or_restore(run: Run, model: DCGAN, weights: Weights | None, resumed: bool) -> Checkpoints:
    """Load what a new run begins with; or restore the newest checkpoint, and make the run's files fit it.

    Args: as in `train_run`. Returns: the run's checkpoints.
    Raises: UserError if the weights or no checkpoint can be read, or the first checkpoint cannot be written.
    """
    checkpoints = Checkpoints(model, run.folder, model.config.max_to_keep)
    if weights:
        say(f"Weights from {weights.origin().path}")
        weights.assign(model.generator, model.sampler, model.discriminator)
        checkpoints.save()  # FLAGS.json does not name them, so only this lets --resume find them again
    if resumed:
        path = checkpoints.restore()
        say(f"Continue from {path or 'the beginning, because no checkpoint was saved yet'}")
        remove_temporary((run.folder, run.samples_folder, run.logs_folder))
        model.config.save(run.flags_file)
        with warn_on_write_error("The folder of the sheets, or the curves"):
            run.samples_folder.mkdir(parents=True, exist_ok=True)  # a copy of a run can be without it
            remove_points_after(run.curves(), model.iterations_done)
    return checkpoints


class Chief:
    """The process that writes the run. `jobs` is all that it writes, in this order."""

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        model: DCGAN,
        schedule: Schedule,
        checkpoints: Checkpoints,
        callbacks: Callbacks,
    ):
        self.checkpoints = checkpoints
        describe(model)
        report("Checkpoints", str(run.folder))
        report("Samples", str(run.samples_folder))
        report("Curves", f"tensorboard --logdir {typed(run.logs_folder)}")
        write_reals(model.config, run, dataset, schedule)
        self.curves = Curves(model, run, schedule)
        self.sheets = TrainingSheets(run, dataset, model, self.curves)
        on_log, on_evaluate = callbacks
        # When, and what: it gets the iteration and what was logged. Who gets what it returns.
        self.jobs: list[tuple[When, Callable[..., Any], OnLog | None]] = [
            (schedule.curves, self.curves.write, on_log),
            (schedule.sheets, self.sheets.write, None),
            (schedule.epoch_sheets, self.sheets.write_of_epoch, None),
            (schedule.checkpoints, self.save, None),
        ]
        if model.config.evaluate_freq:  # after the checkpoint, because there can be too little memory for it
            evaluator = PeriodicEvaluator(run, model, self.curves.writer)
            self.jobs.append((schedule.evaluations, evaluator.measure, on_evaluate))

    def write_due(self, batch: Batch, logged: Values) -> bool:
        """Write what is due after the batch's last iteration, then tell it to the callbacks.

        Args: logged: what the train step returned. Returns: whether the training goes on.
        """
        iteration = batch.iteration
        self.curves.count(batch)
        written = [(callback, what(iteration, logged)) for when, what, callback in self.jobs if when(iteration)]
        try:
            for callback, values in written:
                if callback:
                    callback({"iteration": iteration} | values)
        except StopTraining:
            return False
        except BaseException:  # nothing that was trained is lost, whatever a user's program raises
            self.save(iteration)
            raise
        return True

    def save(self, iteration: int, logged: object = None) -> str:
        """Save a checkpoint. Returns its path. Raises UserError if a weight is not finite."""
        self.curves.monitor.check_weights(self.checkpoints.model, iteration)
        self.sheets.wait()  # who resumes from the checkpoint makes no earlier sheet again
        with warn_on_write_error("The curves"):
            self.curves.writer.flush()
        return self.checkpoints.save()
