"""What an evaluation costs: the number of images without a flag, and the time that is said before."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest

from dcgan_tf.data.dataset import read_dataset
from dcgan_tf.evaluation.evaluator import default_samples
from dcgan_tf.evaluation.feature_space import say_time
from dcgan_tf.settings.config import Config

pytestmark = pytest.mark.usefixtures("shown")


def test_folders_are_measured_with_fewer_images(images_dir: Path, mnist_dir: Path):
    folder = read_dataset(Config(dataset="blobs", data_dir=str(images_dir)))
    digits = read_dataset(Config(dataset="mnist", data_dir=str(mnist_dir)))
    assert default_samples(folder) == 5_000 and default_samples(digits) == 50_000
    assert default_samples(dataclasses.replace(digits, shuffle_each_epoch=True)) == 5_000


@pytest.mark.parametrize(("seconds", "said"), [(0.02, "about 7 minutes"), (0.002, "")])
def test_the_time_of_slow_features_is_said(seconds: float, said: str, capsys: pytest.CaptureFixture[str]):
    """With 20 ms an image, 20,000 images take 400 s; with 2 ms they take 40 s, which nobody needs to know."""
    calls = []

    def features(images: np.ndarray) -> np.ndarray:
        first = not calls
        calls.append(len(images))
        time.sleep(len(images) * seconds + 2 * first)  # the first call takes longer, which must not count
        return images.reshape(len(images), -1)

    say_time(features, np.zeros((100, 4, 4, 1), np.uint8), 20_000)
    assert calls == [32, 32]
    out = capsys.readouterr().out
    assert said in out and bool(out) == bool(said)
    assert not said or "The features of 20,000 images take" in out and "--evaluate_samples" in out
