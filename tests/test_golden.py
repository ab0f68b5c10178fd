"""The recordings of the original, and that the comparison can fail."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import replay_golden
import tensorflow as tf
from replay_golden import Replay

from dcgan_tf import layers

FILES = sorted((Path(__file__).parent / "golden").glob("*cond*.npz"))
CONDITIONAL = FILES[0]


# Not by collectives, which test_cluster.py takes: in one process two strategies' would be mixed up.
TWO = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())


def failures(replay: Replay) -> set[str]:
    return {check.quantity for check in replay.checks() if not check.passed}


def cases() -> Iterator[Any]:
    """Yield each recording plainly, with XLA and on two replicas; most of the last two run with --slow."""
    for name, how in {"plain": {}, "xla": {"xla": True}, "two_replicas": {"strategy": TWO}}.items():
        for file in FILES:
            marks = []
            if how and file != CONDITIONAL:
                marks = [pytest.mark.slow]
            yield pytest.param(file, how, marks=marks, id=f"{file.stem}-{name}")


@pytest.mark.parametrize(("file", "how"), [*cases()])
def test_every_quantity_is_the_originals(file: Path, how: dict[str, Any]):
    """Also of two replicas with synchronised statistics."""
    checks = list(Replay(file, **how).checks())
    assert len(checks) > 120
    assert [check for check in checks if not check.passed] == []


def test_statistics_of_each_replica_alone_are_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        layers.BatchNorm, "synchronized", property(lambda self: False, lambda self, value: None), raising=False
    )
    failed = failures(Replay(CONDITIONAL, strategy=TWO))
    assert {"step1/G", "step1/D_real_logits", "upd/d_loss (relative)"} <= failed


def test_biased_moving_variance_is_seen(monkeypatch: pytest.MonkeyPatch):
    """What keras.layers.BatchNormalization would store."""
    fused = tf.compat.v1.nn.fused_batch_norm

    def biased(x, *moving, **options):
        y, mean, variance = fused(x, *moving, **options)
        n = tf.size(x, tf.int32) // x.shape[-1]
        return y, mean, variance * tf.cast((n - 1) / n, tf.float32)

    monkeypatch.setattr(tf.compat.v1.nn, "fused_batch_norm", biased)
    failed = failures(Replay(CONDITIONAL))
    assert "bnbatch/G/g_bn0/variance" in failed
    assert "grad/D/discriminator/d_h0_conv/w" not in failed


def test_adam_epsilon_is_seen():
    """Keras's default, 1e-7, for the original's 1e-8."""
    replay = Replay(CONDITIONAL)
    replay.model.g_optimizer.epsilon = replay.model.d_optimizer.epsilon = 1e-7
    failed = failures(replay)
    assert any(quantity.startswith("after1/") for quantity in failed)
    assert any(quantity.startswith("grad/G2/") for quantity in failed)
    assert not any(quantity.startswith("grad/D/") for quantity in failed)


def test_the_command_line_tells_by_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    recording = dict(np.load(CONDITIONAL))
    recording["upd/d_loss"] = recording["upd/d_loss"] * 1.001
    np.savez(tmp_path / "wrong.npz", **recording)
    monkeypatch.setattr(sys, "argv", ["replay_golden.py", str(tmp_path / "wrong.npz")])
    assert replay_golden.main() == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.endswith("FAILED")]
    assert len(failed) == 1 and "upd/d_loss (relative)" in failed[0]
