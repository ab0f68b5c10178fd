"""The schedule: how many iterations, and what is written after which."""

from __future__ import annotations

import pytest

from dcgan_tf.settings.config import Config
from dcgan_tf.training.schedule import Schedule, every


def test_the_length_of_a_training():
    schedule = Schedule(Config(epoch=3, batch_size=4), 11)
    assert (schedule.per_epoch, schedule.total, schedule.epochs) == (2, 6, 3)
    assert [schedule.epoch_of(iteration) for iteration in range(1, 7)] == [1, 1, 2, 2, 3, 3]
    assert Schedule(Config(epoch=3, batch_size=4, train_size=8), 100).total == 6
    cut = Schedule(Config(iterations=5, batch_size=4), 11)
    assert (cut.total, cut.epochs) == (5, 3)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epoch": 10}, None),
        ({"epoch": 10, "lr_decay_epochs": 4}, (13, 20)),
        ({"iterations": 7, "lr_decay_epochs": 2}, (4, 7)),
        ({"iterations": 3, "lr_decay_epochs": 25}, (1, 3)),
    ],
)
def test_the_iterations_in_which_the_learning_rate_goes_down(settings: dict, expected: tuple | None):
    assert Schedule(Config(batch_size=4, **settings), 8).lr_decay == expected


def test_what_is_due():
    config = Config(
        epoch=4, batch_size=2, log_freq=4, sample_freq=6, ckpt_freq=8, evaluate_freq=12, epoch_samples="1,4"
    )
    schedule = Schedule(config, 12)  # 6 iterations in an epoch
    due = {iteration: schedule.due(iteration) for iteration in range(1, 25) if schedule.due(iteration)}
    assert due == {
        1: ["curves"],
        4: ["curves"],
        6: ["sheet", "sheet of an epoch"],
        8: ["curves", "checkpoint"],
        12: ["curves", "sheet", "evaluation"],
        16: ["curves", "checkpoint"],
        18: ["sheet"],
        20: ["curves"],
        24: ["curves", "sheet", "sheet of an epoch", "evaluation", "checkpoint"],
    }


def test_every():
    assert [iteration for iteration in range(1, 10) if every(3)(iteration)] == [3, 6, 9]
    for never in (0, None):
        assert not any(every(never)(iteration) for iteration in range(1, 10))
