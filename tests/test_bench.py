"""The benchmark of the train step and its peers, small enough to run with every test."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
import sys

import pytest
import train_step
from helpers import ROOT

from dcgan_tf.model import DCGAN

TINY = ["--width=4", "--batch_size=8", "--iterations=2"]


def test_one_json_object(capsys: pytest.CaptureFixture):
    train_step.main([*TINY, "--dataset=made64", "--size=16", "--precision=bfloat16", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (result["dataset"], result["precision"], result["xla"]) == ("made64", "bfloat16", "auto")
    assert result["images_per_second"] == pytest.approx(8000 / result["ms_per_iteration"], rel=0.02)
    low, high = result["ms_quartiles"]
    assert low <= result["ms_per_iteration"] <= high
    assert result["peak_memory_mb"] > 100
    assert 0 < result["share_of_matrix_product"] < 1


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="TensorFlow has oneDNN's kernels for x86-64")
def test_convolutions_run_in_onednn():
    env = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}  # as a user's shell
    command = [sys.executable, ROOT / "benchmarks" / "train_step.py", *TINY]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**env, "ONEDNN_VERBOSE": "1"})
    for direction in ("forward_training", "backward_data", "backward_weights"):
        assert re.search(rf",convolution,[^,]*,{direction},", done.stdout), done


def test_work_of_an_iteration_counted_by_hand():
    config = train_step.config_of(train_step.parser().parse_args(["--dataset=made64"]))
    convs = 16 * 16 * 64 * 128 + 8 * 8 * 128 * 256 + 4 * 4 * 256 * 512  # places x inputs x outputs, without the 25
    ends = 25 * 32 * 32 * 3 * 64
    generator = 100 * 8192 + 25 * convs + ends
    discriminator = ends + 25 * convs + 8192
    products = 6 * generator - 2 * 100 * 8192 + 10 * discriminator - 2 * ends
    assert train_step.gigaflops(DCGAN(config), config) == pytest.approx(2 * 64 * products / 1e9, rel=1e-6)


@pytest.mark.soak
def test_compare_takes_turns():
    """The peer in Keras against ours, at a batch of 2; PyTorch is not among the test's requirements."""
    command = [sys.executable, ROOT / "benchmarks" / "compare.py", "--quick", "--without=PyTorch", "--shared", "--json"]
    few = ["--dataset=mnist", "--precision=float32", "--batch_size=2"]
    done = subprocess.run([*command, *few], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, peer = map(json.loads, done.stdout.splitlines())
    assert (ours["program"], peer["program"]) == ("dcgan_tf", "plain Keras")
    median, low, high = peer["times dcgan_tf"]
    assert low <= median <= high
    assert math.isclose(peer["images_per_second"], 2000 / peer["ms_per_iteration"], rel_tol=0.02)
