"""Which run --resume continues, with which settings, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers import config_of

from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.select import find_run, is_other_data, select
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError
from dcgan_tf.training.plan import plan_training, resumed


def run_of(runs: Runs, name: str, *, iterations: int, **settings: object) -> None:
    """A run of which only the settings and, after some iterations, the name of a checkpoint are there."""
    runs.create(config_of(dataset="cats", **settings), name)
    if iterations:
        (runs.named(name).folder / f"model-{iterations}.index").touch()
        (runs.named(name).folder / f"model-{iterations}.data-00000-of-00001").touch()


def test_the_newest_run_continues_also_without_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture):
    runs = Runs(str(tmp_path))
    run_of(runs, "finished", iterations=200, epoch=25)
    run_of(runs, "stopped", iterations=0, epoch=50)
    plan = plan_training(runs, "", {"dataset": "cats"}, {"resume": True})
    assert plan.run.name == "stopped" and plan.asked.epoch == 50
    with messages.shown():
        assert find_run(runs, "cats", "", {}).name == "finished"  # for images
    assert "Skipped:     the run stopped has no checkpoint." in capsys.readouterr().out


def test_what_is_fixed_finds_the_run_and_cannot_change(tmp_path: Path):
    runs = Runs(str(tmp_path))
    run_of(runs, "digits", iterations=200, split="train", d_filters="64,128")
    run_of(runs, "newer", iterations=200)
    for given in ({"split": "train"}, {"d_filters": "64, 128"}):
        assert plan_training(runs, "", {"dataset": "cats"} | given, {"resume": True}).run.name == "digits"
        with pytest.raises(UserError, match="The run newer has --.*; leave out --.*, or choose another run"):
            plan_training(runs, "newer", given, {"resume": True})
        with pytest.raises(UserError, match="The run newer has --"):
            select(runs, "newer", given, {})


def test_a_setting_that_counts_in_a_training_only_is_said(tmp_path: Path, capsys: pytest.CaptureFixture):
    runs = Runs(str(tmp_path))
    run_of(runs, "digits", iterations=200)
    with messages.shown():
        select(runs, "digits", {"learning_rate": 0.1, "batch_size": 3, "epoch": 25}, {})
    assert [line for line in capsys.readouterr().out.splitlines() if "Hint" in line] == [
        "Hint:        --learning_rate has no effect here: it counts with --train, and the run keeps its own value."
    ]


def test_a_setting_of_a_run_holds_unless_another_is_given():
    saved = config_of(strategy="mirrored", precision="bfloat16", iterations=100)
    assert resumed(saved, {"precision": "auto"}) == saved  # it was chosen when the run began
    changed = resumed(saved, {"strategy": "auto", "epoch": 9, "iterations": None, "g_ema": 0.9})
    assert changed == dataclasses.replace(saved, strategy="auto", epoch=9, iterations=None)
    wide = config_of(crop=True, input_height=100, input_width=200)
    assert resumed(wide, {"input_height": 50}).input_width is None  # that of the old height would distort images


@pytest.mark.parametrize(
    ("saved", "given", "kept"),
    [
        ({}, {"hold_out": 0.1}, "--hold_out"),
        ({"hold_out": 0.1}, {"hold_out": 0.1}, None),
        ({}, {"split": "train"}, "--split"),
        ({}, {"dataset": "dogs", "hold_out": 0.1}, None),
    ],
)
def test_images_that_the_first_weights_have_seen_are_not_held_out(
    tmp_path: Path, saved: dict, given: dict, kept: str | None
):
    runs = Runs(str(tmp_path))
    run_of(runs, "first", iterations=200, **saved)
    given = {"dataset": "cats"} | given
    if not kept:
        assert plan_training(runs, "", given, {"init_from": "first"}).weights.name == "first"
        return
    with pytest.raises(UserError, match=f"The run first was trained on the same data set without this {kept}, so"):
        plan_training(runs, "", given, {"init_from": "first"})


def test_another_folder_of_the_same_name_is_other_data(tmp_path: Path):
    for name in ("cats", "dogs"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "1.png").touch()
    saved = config_of(dataset="images", data_dir=str(tmp_path / "cats"))
    other = config_of(dataset="images", data_dir=str(tmp_path / "dogs"))
    assert not is_other_data(saved, other)  # the same files
    (tmp_path / "dogs" / "images" / "rex.png").touch()
    assert is_other_data(saved, other)
    assert is_other_data(saved, dataclasses.replace(saved, input_fname_pattern="*.jpg"))
    (tmp_path / "cats" / "images").rename(tmp_path / "moved")
    assert not is_other_data(saved, other)  # the images have moved
