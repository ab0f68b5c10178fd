"""Runs: names, folders, and how they are found again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.select import find_run
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError


def saved(runs: Runs, config: Config, name: str, age: int) -> Run:
    """A run with a checkpoint, `age` seconds old."""
    run = runs.create(config, name)
    (run.folder / "model-1.index").touch()
    now = run.flags_file.stat().st_mtime
    os.utime(run.flags_file, (now - age, now - age))
    return run


def test_two_runs_begun_in_the_same_second_are_two(tmp_path: Path):
    runs = Runs(str(tmp_path))
    first, second = runs.create(Config(dataset="mnist")), runs.create(Config(dataset="mnist"))
    assert first.name.startswith("mnist-20")
    assert first.name < second.name
    for run in (first, second):
        assert run.folder.is_dir() and run.samples_folder.is_dir() and run.logs_folder.is_dir()
        assert run.folder == tmp_path / "checkpoints" / run.name


def test_the_newest_matching_run(tmp_path: Path):
    runs = Runs(str(tmp_path))
    saved(runs, Config(dataset="mnist", z_dim=50), "narrow", age=10)
    saved(runs, Config(dataset="mnist"), "old", age=30)
    saved(runs, Config(dataset="mnist"), "new", age=20)
    saved(runs, Config(dataset="faces"), "other", age=0)
    runs.create(Config(dataset="mnist"), "nothing-saved-yet")
    (saved(runs, Config(dataset="mnist"), "damaged", age=5).flags_file).write_text("{")
    assert find_run(runs, "mnist").name == "narrow"
    assert find_run(runs, "mnist", given={"z_dim": 100, "epoch": 3}).name == "new"
    assert find_run(runs, "mnist", "old").name == "old"


def test_a_data_set_is_the_same_however_it_is_spelled(tmp_path: Path):
    runs = Runs(str(tmp_path))
    (tmp_path / "data" / "cats").mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data" / "cats")
    data = {"data_dir": str(tmp_path / "data")}
    saved(runs, Config(dataset="cats", **data), "run", age=0)
    for dataset, given in (
        ("cats", {}),
        ("cats/", {}),
        ("./cats", {}),
        (str(tmp_path / "data" / "cats"), {}),
        ("link", data),
        ("cats", {"data_dir": "elsewhere"}),
    ):
        assert find_run(runs, dataset, given=given).name == "run"
    for dataset in ("cat", str(tmp_path / "cats"), "Cats"):
        with pytest.raises(UserError, match="No trained run of data set"):
            find_run(runs, dataset, given=data)


def test_no_match_lists_the_runs_there_are(tmp_path: Path):
    runs = Runs(str(tmp_path))
    with pytest.raises(UserError, match="or --out_dir: none"):
        find_run(runs, "mnist")
    saved(runs, Config(dataset="mnist"), "digits", age=0)
    for arguments in (("faces",), ("mnist", "digit"), ("mnist", "", {"z_dim": 3})):
        with pytest.raises(UserError, match="No trained run .* or --out_dir: digits"):
            find_run(runs, *arguments)


def test_a_name_that_is_taken(tmp_path: Path):
    runs = Runs(str(tmp_path))
    runs.create(Config(), "mine")
    with pytest.raises(UserError, match="The run 'mine' exists already .* --resume"):
        runs.create(Config(), "mine")


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("checkpoints/mine/model-5.index", "has checkpoints, but no FLAGS.json"),
        ("checkpoints/mine/best/model-5.index", "has checkpoints, but no FLAGS.json"),
        ("logs/mine/events.out.tfevents.1", "has files of an earlier training of the run 'mine'"),
        ("samples/mine/reals.png", "has files of an earlier training of the run 'mine'"),
        ("samples/mine/train_00000200.png", "has files of an earlier training of the run 'mine'"),
    ],
)
def test_what_is_left_of_a_run_is_not_mixed_with_a_new_one(file: str, says: str, tmp_path: Path):
    runs = Runs(str(tmp_path))
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    for check in (lambda: runs.check_new("mine"), lambda: runs.create(Config(), "mine")):
        with pytest.raises(UserError, match=says):
            check()
    assert (tmp_path / file).exists()
    (tmp_path / file).rename((tmp_path / file).with_name("grid.png"))
    (tmp_path / "logs" / "mine").mkdir(parents=True, exist_ok=True)
    (tmp_path / "logs" / "mine" / "events.out.tfevents.1.v2.evaluation").touch()  # of --evaluate with --pretrained
    runs.create(Config(), "mine")


def test_a_run_that_could_not_begin_is_removed_but_no_other_file(tmp_path: Path):
    run = Runs(str(tmp_path)).create(Config(), "mine")
    for file in ("model-0.index", "model-0.data-00000-of-00001", "checkpoint"):
        (run.folder / file).touch()
    (run.logs_folder / "events.out.tfevents.1").touch()
    for file in ("grid.png", "reals.png", "augmented.png"):
        (run.samples_folder / file).touch()
    run.discard()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkpoints", "grid.png", "logs", "mine", "samples"]


def test_a_name_that_is_too_long_for_the_disk(tmp_path: Path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match=r"cannot be made \(File name too long\)"):
        Runs(str(tmp_path)).check_new("x" * 300)


def test_a_folder_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made .* --out_dir"):
        Runs(str(tmp_path / "file")).create(Config())
