"""Train: the data set -> batches -> the train step -> what the recorder writes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.model import DCGAN, steps_per_call
from dcgan_tf.runs.run import Run
from dcgan_tf.runs.weights import Weights
from dcgan_tf.settings.config import Config
from dcgan_tf.system.messages import say
from dcgan_tf.system.signals import StopRequest
from dcgan_tf.training.cluster import Cluster
from dcgan_tf.training.loader import Loader
from dcgan_tf.training.recorder import OnLog, Recorder, SilentRecorder
from dcgan_tf.training.schedule import Schedule


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    run: Run | None  # None for workers other than the chief
    signal: int  # that stopped it; 0 if it finished


def train(
    config: Config,
    run: Run | None,
    dataset: Dataset,
    cluster: Cluster,
    weights: Weights | None = None,
    *,
    resumed: bool = False,
    on_log: OnLog | None = None,
) -> Outcome:
    """Train to the last iteration, or until SIGINT or SIGTERM; then save.

    Args:
      run: of the chief, which alone reads and writes it; None for the other workers.
      weights: what a new run begins with; None for random ones.
      resumed: whether to restore the run's newest checkpoint.
    Raises: UserError if a loss or weight is not finite, a checkpoint cannot be written, or a worker is lost.
    """
    schedule = Schedule(config, len(dataset.images))
    lock: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if run:
        lock = run.lock()
    with cluster.report_lost_worker(), StopRequest() as stop, lock:
        try:
            # The networks, on every device
            with cluster.strategy.scope():
                model = DCGAN(config, schedule.lr_decay)
                train_step = model.compiled()

            # Their weights: the chief reads them, all devices get them
            recorder = SilentRecorder()
            if run:
                recorder = Recorder(config, run, dataset, model, schedule, on_log)
            recorder.begin(weights, resumed)
        except BaseException:  # also Ctrl-C: a new run that did not begin is none
            if run and not resumed:
                run.discard()
            raise
        cluster.broadcast_from_chief(model.state().values())

        # The iterations; the recorder writes curves, sheets and checkpoints
        steps = steps_per_call(config.steps_per_call)
        loader = Loader(dataset, config, schedule, model.iterations_done, steps)
        logged = None
        with contextlib.closing(recorder):
            for batch in loader:
                if stop.requested and cluster.is_chief:  # the other workers end when the chief leaves
                    break
                logged = train_step(batch.images, batch.labels)
                recorder.after(batch, logged)

        # The last sheet and checkpoint
        finished = model.iterations_done >= schedule.total
        saved = recorder.finish(logged, finished)
        word = "Stopped"
        if finished:
            word = "Finished"
        say(f"{word} after iteration {model.iterations_done} of {schedule.total}{saved}")
        if finished:
            cluster.broadcast_from_chief([model.iterations])  # waits for all: who exits earlier counts as lost
    if finished:
        recorder.tell_story()
    elif weights:
        say("To continue, give the same command with --resume in place of --init_from, --checkpoint or --pretrained.")
    else:
        say("To continue, add --resume to the same command.")
    return Outcome(run, stop.signal)
