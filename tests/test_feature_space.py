"""What an evaluation costs: the number of images without a flag, and the time that is said before."""

from __future__ import annotations

import numpy as np
import pytest

from dcgan_tf.evaluation import feature_space
from dcgan_tf.evaluation.feature_space import CLASSIFIER_SPACE, FID_SPACE, default_samples, say_time

pytestmark = pytest.mark.usefixtures("shown")


def test_only_the_fast_features_are_of_50000_images():
    assert default_samples(CLASSIFIER_SPACE) == 50_000
    assert default_samples(FID_SPACE) == default_samples("none") == 5_000


@pytest.mark.parametrize(
    ("seconds", "count", "said"),
    [(0.02, 20_000, "take about 7 minutes"), (0.002, 20_000, ""), (20.0, 100, "")],
)
def test_the_time_of_slow_features_is_said(
    seconds: float, count: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """20,000 images of 20 ms take 400 s; of 2 ms, 40 s. Few images are not worth a measurement."""
    clock = {"now": 0.0}
    monkeypatch.setattr(feature_space.time, "perf_counter", lambda: clock["now"])

    def features(images: np.ndarray) -> np.ndarray:
        first = not clock["now"]
        clock["now"] += len(images) * seconds + 60 * first  # the first call takes longer, which must not count
        return images.reshape(len(images), -1)

    say_time(features, np.zeros((100, 4, 4, 1), np.uint8), count)
    out = capsys.readouterr().out
    assert said in out and bool(out) == bool(said)
    assert not said or "The features of 20,000 images take" in out and "--evaluate_samples" in out
