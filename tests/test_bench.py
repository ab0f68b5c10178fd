"""The benchmark and its peers, small enough to run with every test."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import step_parts
import train_step
from helpers import ROOT

from dcgan_tf.model import DCGAN
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.presets import PRESETS

TINY = ["--width=4", "--batch_size=8", "--iterations=2"]


@pytest.mark.parametrize("arguments", [[], ["--dataset=made64", "--size=16", "--precision=bfloat16"]])
def test_one_json_object(arguments: list[str], capsys: pytest.CaptureFixture):
    train_step.main([*TINY, *arguments, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (result["dataset"], result["precision"]) == (("made64", "bfloat16") if arguments else ("mnist", "float32"))
    assert (result["xla"], result["batch_size"]) == ("auto", 8)
    assert result["images_per_second"] == pytest.approx(8000 / result["ms_per_iteration"], rel=0.02)
    low, high = result["ms_quartiles"]
    assert low <= result["ms_per_iteration"] <= high
    assert result["peak_memory_mb"] > 100
    assert 0 < result["share_of_matrix_product"] < 1


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow has oneDNN's kernels for x86-64")
def test_convolutions_run_in_onednn():
    env = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}  # as a user's shell
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "train_step.py"), *TINY],
        capture_output=True, text=True, cwd=ROOT, env={**env, "ONEDNN_VERBOSE": "1"},
    )  # fmt: skip
    for direction in ("forward_training", "backward_data", "backward_weights"):
        assert re.search(rf",convolution,[^,]*,{direction},", done.stdout), done


def test_work_of_an_iteration_counted_by_hand():
    config = train_step.config_of(train_step.parser().parse_args(["--dataset=made64"]))
    convs = 16 * 16 * 64 * 128 + 8 * 8 * 128 * 256 + 4 * 4 * 256 * 512  # places x inputs x outputs, without the 25
    ends = 25 * 32 * 32 * 3 * 64
    generator, discriminator = 100 * 8192 + 25 * convs + ends, ends + 25 * convs + 8192
    products = 6 * generator - 2 * 100 * 8192 + 10 * discriminator - 2 * ends
    assert train_step.gigaflops(DCGAN(config), config) == pytest.approx(2 * 64 * products / 1e9, rel=1e-6)


def test_the_parts_of_a_step_are_those_of_its_operations(capsys: pytest.CaptureFixture):
    config = Config(**PRESETS["small"] | step_parts.IMAGES | {"gf_dim": 4, "df_dim": 4, "precision": "float32"})
    found = []
    for augment in ("translation", "color"):
        step_parts.print_parts(dataclasses.replace(config, augment=augment), 1)
        lines = capsys.readouterr().out.splitlines()[1:]
        found.append({line[:30].strip() for line in lines})
    assert found[0] == {*step_parts.PARTS.values(), "all else"}
    assert found[0] - found[1] == {"translation (augmentation)"}


@pytest.mark.soak
def test_scaling_doubles_one_thing_at_a_time(capsys: pytest.CaptureFixture):
    train_step.main([*TINY, "--iterations=1", "--scaling", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(r["batch_size"], r["size"], r["width"]) for r in rows] == [
        (8, 28, 4),
        (4, 28, 4), (16, 28, 4),
        (8, 16, 4), (8, 56, 4),
        (8, 28, 2), (8, 28, 8),
    ]  # fmt: skip


@pytest.mark.soak
def test_compare_takes_turns(tmp_path: Path):
    """The peer in Keras against ours, at a batch of 2; PyTorch is not among the test's requirements."""
    command = [sys.executable, ROOT / "benchmarks" / "compare.py", "--quick", "--without=PyTorch", "--shared", "--json"]
    done = subprocess.run(
        [*command, "--dataset=mnist", "--precision=float32", "--batch_size=2"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    ours, peer = map(json.loads, done.stdout.splitlines())
    assert (ours["program"], peer["program"]) == ("dcgan_tf", "plain Keras")
    median, low, high = peer["times dcgan_tf"]
    assert low <= median <= high
    assert math.isclose(peer["images_per_second"], 2000 / peer["ms_per_iteration"], rel_tol=0.02)
