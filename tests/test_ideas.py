"""benchmarks/small/ideas.py: each change reaches the weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT

import dcgan_tf
from dcgan_tf import networks
from dcgan_tf.training import train

pytestmark = pytest.mark.slow
SMALL = {"preset": "small", "conditional": True, "output_height": 16, "gf_dim": 4, "df_dim": 4, "batch_size": 8}


def trained(classes_dir: Path, out_dir: Path) -> np.ndarray:
    """Train three iterations. Returns a kernel of G."""
    run = dcgan_tf.train(
        "classes", data_dir=classes_dir, out_dir=out_dir, **SMALL, iterations=3, precision="float32", g_ema=0
    )
    reader = tf.train.load_checkpoint(str(out_dir / "checkpoints" / run.name))
    return reader.get_tensor("generator.Sg_h1.Sw/.ATTRIBUTES/VARIABLE_VALUE")


@pytest.mark.parametrize("flags", ["--g_rate=2", "--dropout=0.4", "--wrong_labels=1"])
def test_each_change_reaches_the_weights(
    flags: str, classes_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    expected = trained(classes_dir, tmp_path / "program")
    monkeypatch.setattr(train, "DCGAN", train.DCGAN)  # each is put back
    monkeypatch.setattr(networks, "flatten", networks.flatten)
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks" / "small"), *sys.path])
    import ideas

    ideas.install(ideas.parser().parse_args([flags]))
    found = trained(classes_dir, tmp_path / "ideas")
    assert np.isfinite(found).all() and np.abs(found - expected).max() > 1e-5
