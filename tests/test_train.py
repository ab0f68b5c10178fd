"""The loop of a training: what it writes when something fails, what it checks, and that it does not leak."""

from __future__ import annotations

import dataclasses
import math
import warnings
from pathlib import Path

import numpy as np
import psutil
import pytest
import tensorflow as tf
from helpers import SMALL, cluster_of, main_here

from dcgan_tf.data.dataset import Dataset
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.evaluation.evaluator import Evaluator
from dcgan_tf.model import DCGAN
from dcgan_tf.runs.run import Runs, complete_checkpoints
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning
from dcgan_tf.training.monitor import Monitor, read_score
from dcgan_tf.training.sheets import TrainingSheets
from dcgan_tf.training.train import train_run

TINY = Config(output_height=8, output_width=8, c_dim=1, gf_dim=2, df_dim=2, z_dim=4, batch_size=4, dataset="tiny")
LOGGED = {"d_loss": np.float32(0.001), "d_loss_real": np.float32(0.0), "g_loss": np.float32(9.0)}


def test_the_checkpoint_that_is_due_comes_before_the_evaluation(
    images_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Too little memory for the evaluation loses nothing."""

    def out_of_memory(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(Evaluator, "measure", out_of_memory)
    flags = ["--dataset=blobs", "--train", f"--data_dir={images_dir}", "--output_height=16", *SMALL]
    flags += ["--iterations=4", "--ckpt_freq=2", "--evaluate_freq=2", "--evaluate_samples=20", "--out_name=run"]
    with pytest.raises(UserError, match="There is too little memory .*; give a smaller --batch_size, --output_height,"):
        main_here(*flags, out_dir=tmp_path)
    assert (tmp_path / "checkpoints" / "run" / "model-2.index").exists()


def test_what_is_not_finite_ends_the_training():
    """Each scalar that is logged, and each weight."""
    monitor = Monitor(TINY)
    model = DCGAN(TINY)
    monitor.check_weights(model, 1)
    with pytest.raises(UserError, match=r"iteration 2 because a loss is not finite \(.*penalty nan\).* than 0.0002,"):
        monitor.check_losses(LOGGED | {"penalty": np.float32(math.nan)}, 2)
    model.generator.variables[0].assign(tf.fill(model.generator.variables[0].shape, math.inf))
    with pytest.raises(UserError, match="generator/.* is not finite"):
        monitor.check_weights(model, 1)


def test_collapse_and_low_d_loss_warn_once():
    same, varied = np.full((8, 4, 4, 1), 77, np.uint8), np.random.default_rng(0).integers(256, size=(8, 4, 4, 1))

    def warned(warns: bool) -> list[str]:
        monitor = Monitor(dataclasses.replace(TINY, warn_collapse=warns))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            monitor.check_samples(varied, 1)
            monitor.check_samples(same, 999)  # not yet trained
            assert not caught
            for iteration in (1, 990, 1001, 2001):
                monitor.check_samples(same if iteration > 990 else varied, iteration)
                monitor.check_losses(LOGGED, iteration)
        return [str(warning.message).split(" ")[1] for warning in caught]

    assert warned(True) == ["generator's", "discriminator's"]
    assert warned(False) == []


def test_only_scores_that_are_measured_alike_are_compared(tmp_path: Path):
    file = tmp_path / "metrics.json"
    facts = {"generated": 100, "feature_space": "none"}
    assert read_score(file, facts) is None
    file.write_text('{"iteration": 20, "generated": 100, "feature_space": "none", "swd": 2.5}')
    assert read_score(file, facts) == (math.inf, math.inf, math.inf, 2.5)
    taken = "takes its place"
    with pytest.warns(DcganWarning, match=taken):
        assert read_score(file, facts | {"generated": 50}) is None
    with pytest.warns(DcganWarning, match=taken):
        assert read_score(file, facts | {"generated_classes": "in the shares"}) is None
    file.write_text('{"iteration": 20, "sw')
    with pytest.warns(DcganWarning, match=taken):
        assert read_score(file, facts) is None


@pytest.mark.soak
def test_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """2,000 iterations with sheets, curves and checkpoints, looked at from inside."""
    config = dataclasses.replace(TINY, epoch=500, sample_freq=20, ckpt_freq=20, log_freq=10, max_to_keep=2)
    images = np.random.default_rng(0).integers(256, size=(16, 8, 8, 1), dtype=np.uint8)
    dataset = Dataset(images, np.zeros(16, np.int32), (), ImageSpec(8, 8, 1), "here", shuffle_each_epoch=True)
    process, seen = psutil.Process(), {}
    write = TrainingSheets.write

    def observed(sheets: TrainingSheets, iteration: int, logged: object) -> None:
        write(sheets, iteration, logged)
        seen[iteration] = process.memory_info().rss, process.num_fds()

    monkeypatch.setattr(TrainingSheets, "write", observed)
    run = Runs(str(tmp_path)).create(config)
    train_run(config, run, dataset, cluster_of(config))
    assert complete_checkpoints(run.folder)[-1].endswith("model-2000")
    assert seen[2000][0] - seen[500][0] < 30e6
    assert seen[2000][1] <= seen[500][1]
