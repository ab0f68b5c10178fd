"""What TensorBoard shows of a run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import tensorflow as tf
from helpers import free_ports

from dcgan_tf.training.curves import remove_points_after


def write(folder: Path, steps: range, value: float) -> None:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step in steps:
            tf.summary.scalar("d_loss", value, step=step)
    writer.close()


def wait_for_points(port: int, expected: list[tuple[int, float]]) -> None:
    """Ask TensorBoard until it shows these points; AssertionError after a minute."""
    address = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?run=run&tag=d_loss"
    points = []
    for _ in range(120):
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                points = [(step, value) for _, step, value in json.load(answer)]
        except OSError:  # it is not ready
            continue
        if points == expected:
            return
    raise AssertionError(points)


@pytest.mark.slow
def test_an_open_tensorboard_shows_one_curve_after_a_resume(tmp_path: Path):
    pytest.importorskip("tensorboard_data_server", reason="only TensorBoard's fast loading does it")
    folder = tmp_path / "run"
    write(folder, range(1, 11), 1.0)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", tmp_path, "--port", str(port)]
    process = subprocess.Popen([*command, "--reload_interval", "1"], stderr=subprocess.DEVNULL)
    try:
        wait_for_points(port, [(step, 1.0) for step in range(1, 11)])
        remove_points_after(folder.glob("events*"), 4)  # as --resume does
        write(folder, range(5, 9), 2.0)
        wait_for_points(port, [(step, 1.0 if step < 5 else 2.0) for step in range(1, 9)])
    finally:
        process.kill()
        process.wait()
