"""benchmarks/small/ideas.py: without a change it is the program's train step, and each change reaches the weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT

import dcgan_tf
from dcgan_tf import model, networks
from dcgan_tf.networks import build_discriminator
from dcgan_tf.training import loop

pytestmark = pytest.mark.slow
SETTINGS = {"preset": "small", "augment_p": 0.5, "gf_dim": 4, "df_dim": 4, "batch_size": 8, "iterations": 3}


def trained(images_dir: Path, out_dir: Path) -> dict[str, np.ndarray]:
    """Train three iterations. Returns all variables of the checkpoint."""
    size = {"output_height": 32, "precision": "float32"}
    run = dcgan_tf.train("blobs", data_dir=str(images_dir), out_dir=out_dir, **SETTINGS, **size)
    reader = tf.train.load_checkpoint(str(out_dir / "checkpoints" / run.name))
    names = [name for name in reader.get_variable_to_shape_map() if name.endswith("/.ATTRIBUTES/VARIABLE_VALUE")]
    return {name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"): reader.get_tensor(name) for name in names}


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch):
    """Return a function that lets this process train with changes, until the test ends."""
    monkeypatch.setattr(loop, "DCGAN", loop.DCGAN)  # each is put back
    monkeypatch.setattr(model, "build_discriminator", build_discriminator)
    monkeypatch.setattr(networks, "flatten", networks.flatten)
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks" / "small"), *sys.path])
    import changed_step
    import ideas

    return lambda *flags: changed_step.install(ideas.parser().parse_args(flags))


def test_without_a_change_it_is_the_programs_step(changed, images_dir: Path, tmp_path: Path):
    expected = trained(images_dir, tmp_path / "program")
    changed()
    found = trained(images_dir, tmp_path / "ideas")
    assert loop.DCGAN.__name__ == "ChangedDCGAN" and found.keys() == expected.keys() and len(found) > 40
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("flags", "others"),
    [
        # Of these the strength must count; already the further pass, or D without batch norm, gives other weights.
        ("--consistency=1", ["--consistency=100"]),
        ("--r1=0.5", ["--r1=50"]),
        ("--relativistic", []),
        ("--dropout=0.4", []),
        ("--g_rate=2", []),
        ("--freeze_d=2", []),
    ],
)
def test_each_change_reaches_the_weights(flags: str, others: list[str], changed, images_dir: Path, tmp_path: Path):
    changed(*others)
    expected = trained(images_dir, tmp_path / "others")
    changed(flags)
    found = trained(images_dir, tmp_path / "ideas")
    kernel = "generator.Sg_h1.Sw"
    assert np.isfinite(found[kernel]).all() and np.abs(found[kernel] - expected[kernel]).max() > 1e-5
    learns = [stage for stage in range(3) if f"d_adam.Sm.Sdiscriminator.Sd_h{stage}_conv.Sw" in found]
    assert learns == ([2] if flags == "--freeze_d=2" else [0, 1, 2])
