"""The schedule: how many iterations, and what is written after which."""

from __future__ import annotations

import pytest
from helpers import config_of

from dcgan_tf.training.schedule import Schedule, When, fit_epochs


def test_the_length_of_a_training():
    schedule = Schedule(config_of(epoch=3, batch_size=4), 11)
    assert (schedule.per_epoch, schedule.total, schedule.epochs) == (2, 6, 3)
    assert [schedule.epoch_of(iteration) for iteration in range(1, 7)] == [1, 1, 2, 2, 3, 3]
    assert Schedule(config_of(epoch=3, batch_size=4, train_size=8), 100).total == 6
    cut = Schedule(config_of(iterations=5, batch_size=4), 11)
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
    assert Schedule(config_of(batch_size=4, **settings), 8).lr_decay == expected


@pytest.mark.parametrize(
    ("settings", "given", "expected"),
    [
        ({"epoch": 10, "lr_decay_epochs": 9}, {}, 9),
        ({"iterations": 10, "lr_decay_epochs": 9}, {}, 2),  # a preset's, of 5 epochs
        ({"iterations": 40, "lr_decay_epochs": 9}, {}, 9),
        ({"iterations": 10, "lr_decay_epochs": 6}, {"lr_decay_epochs": 6}, 6),
    ],
)
def test_epochs_of_a_training_with_iterations(settings: dict, given: dict, expected: int):
    assert fit_epochs(config_of(batch_size=4, **settings), given, 8).lr_decay_epochs == expected


def test_what_is_due():
    """At the last iteration also a sheet and a checkpoint; a call of the train step ends where anything is due."""
    config = config_of(
        epoch=4, batch_size=2, log_freq=4, sample_freq=7, ckpt_freq=9, evaluate_freq=12, epoch_samples="1,4"
    )
    schedule = Schedule(config, 12)  # 6 iterations in an epoch
    due = {
        "curves": [1, 4, 8, 12, 16, 20, 24],
        "sheets": [7, 14, 21, 24],
        "epoch_sheets": [6, 24],
        "checkpoints": [9, 18, 24],
        "evaluations": [12, 24],
    }
    for name, iterations in due.items():
        when = getattr(schedule, name)
        assert [iteration for iteration in range(1, 25) if when(iteration)] == iterations, name
    ends = sorted({iteration for iterations in due.values() for iteration in iterations})
    assert [call[-1] for call in schedule.calls(0, 100)] == ends
    assert next(schedule.calls(1, 2)) == range(2, 4)
    assert not When(0)(6)
