"""Runs: names, folders, how they are found again, and whether they were trained on the same images."""

from __future__ import annotations

import errno
import os
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import pytest
from helpers import config_of, fails_with_one_sentence

from dcgan_tf.runs.run import Run, Runs
from dcgan_tf.runs.select import find_run, is_other_data
from dcgan_tf.settings.resolve import check_given, override
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning
from dcgan_tf.training.plan import plan_training


def saved(runs: Runs, name: str, age: int, **settings: object) -> Run:
    """A run with a checkpoint, `age` seconds old."""
    run = runs.create(config_of(**{"dataset": "mnist"} | settings), name)
    (run.folder / "model-1.index").touch()
    now = run.flags_file.stat().st_mtime
    os.utime(run.flags_file, (now - age, now - age))
    return run


def test_two_runs_begun_in_the_same_second_are_two(tmp_path: Path):
    runs = Runs(str(tmp_path))
    first, second = (runs.create(config_of(dataset="mnist")) for _ in range(2))
    assert first.name.startswith("mnist-20")
    assert first.name < second.name
    for run in (first, second):
        assert run.folder.is_dir() and run.samples_folder.is_dir() and run.logs_folder.is_dir()
        assert run.folder == tmp_path / "checkpoints" / run.name


def test_of_trainings_that_begin_at_once_with_one_name_one_gets_it(tmp_path: Path):
    runs = Runs(str(tmp_path))

    def begin(name: str, seed: int) -> str:
        try:
            return f"seed {runs.create(config_of(dataset='mnist', seed=seed), name).config().seed}"
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        for name in map(str, range(20)):
            done = [pool.submit(begin, name, seed) for seed in range(4)]
            errors = {future.result() for future in done} - {f"seed {runs.named(name).config().seed}"}
            assert len(errors) in (1, 2, 3) and not any(error.startswith("seed") for error in errors)
            assert all("exists already" in error or "being trained by" in error for error in errors)


def test_the_newest_matching_run(tmp_path: Path):
    runs = Runs(str(tmp_path))
    with pytest.raises(UserError, match="No trained run .* or give the --out_dir"):
        find_run(runs, "mnist", "", {})
    saved(runs, "narrow", 10, z_dim=50)
    saved(runs, "old", 30)
    saved(runs, "new", 20)
    saved(runs, "other", 0, dataset="faces")
    runs.create(config_of(dataset="mnist"), "nothing-saved-yet")
    saved(runs, "damaged", 5).flags_file.write_text("{")
    assert find_run(runs, "mnist", "", {}).name == "narrow"
    assert find_run(runs, "mnist", "", {"z_dim": 100, "epoch": 3}).name == "new"
    assert find_run(runs, "mnist", "old", {}).name == "old"
    for arguments in (("cars", "", {}), ("mnist", "digit", {}), ("mnist", "", {"z_dim": 3})):
        with pytest.raises(UserError, match="No trained run .* or --out_dir: .*narrow"):
            find_run(runs, *arguments)


def test_a_data_set_is_the_same_however_it_is_spelled(tmp_path: Path):
    runs = Runs(str(tmp_path))
    (tmp_path / "data" / "cats").mkdir(parents=True)
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data" / "cats")
    data = {"data_dir": str(tmp_path / "data")}
    saved(runs, "run", 0, dataset="cats", **data)
    for dataset in ("cats", "cats/", "./cats", str(tmp_path / "data" / "cats"), "link"):
        assert find_run(runs, dataset, "", data).name == "run"
    assert find_run(runs, "cats", "", {"data_dir": "elsewhere"}).name == "run"
    for dataset in ("cat", str(tmp_path / "cats"), "Cats"):
        with pytest.raises(UserError, match="No trained run of data set"):
            find_run(runs, dataset, "", data)
    saved(runs, "of a path", 0, dataset=str(tmp_path / "Desktop" / "dogs"), **data)
    assert find_run(runs, "dogs", "", data).name == "of a path"
    (tmp_path / "data" / "dogs").mkdir()
    with pytest.raises(UserError, match="No trained run of data set 'dogs'"):
        find_run(runs, "dogs", "", data)


@pytest.mark.parametrize("typed", ["data/cats", "./photos"])
def test_a_path_is_one_from_the_current_folder(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path(typed).mkdir(parents=True)
    asked = plan_training(Runs(), "", {"dataset": typed}, {}).asked
    assert os.path.samefile(typed, Path(asked.data_dir, asked.dataset))
    run = saved(Runs(), "run", 0, dataset=asked.dataset)
    Path(typed).rmdir()
    for other in (typed, f"{Path(typed).name}/", f"{tmp_path}/{typed}"):
        given = check_given({"dataset": other})
        assert find_run(Runs(), given["dataset"], "", given) == run


def test_of_two_folders_that_could_be_meant_the_nearer_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, shown: None
):
    monkeypatch.chdir(tmp_path)
    for folder in ("cats", "data/cats"):
        Path(folder).mkdir(parents=True)
    assert check_given({"dataset": "cats"})["dataset"] == str(tmp_path / "cats")
    assert f"to use {tmp_path / 'data' / 'cats'}, give --data_dir {tmp_path / 'data'}, too" in capsys.readouterr().out
    for given in ({"dataset": "cats", "data_dir": "data"}, {"dataset": "data/cats"}):
        assert check_given(given)["dataset"] == "cats"
    moved = config_of(dataset="dogs", data_dir="elsewhere")
    assert override(moved, check_given({"dataset": "data/cats"})).data_dir == "./data"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("folder", ["checkpoint/eyes_64_64_64", "out/2018 - data - eyes - x64.z100/checkpoint"])
def test_a_checkpoint_of_the_original_is_named(folder: str, tmp_path: Path):
    for name in (folder, "checkpoint/eyes_big_64_64_64"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "checkpoint").touch()
    with pytest.raises(UserError) as error:
        find_run(Runs(str(tmp_path)), "eyes", "", {})
    assert f"give --checkpoint {shlex.quote(str(tmp_path / folder))} to use" in str(error.value)


def test_a_copy_of_a_data_set_has_the_same_images_whatever_else_it_has(tmp_path: Path):
    images = ["1.png", "2.JPG"]
    others = [".DS_Store", "._1.png", "Thumbs.db", "README.md", "__MACOSX/._1.png"]
    for file in [*(f"a/cats/{name}" for name in images), *(f"b/cats/{name}" for name in [*images, *others])]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    before, now = (config_of(dataset="cats", data_dir=str(tmp_path / name)) for name in "ab")
    assert not is_other_data(before, now) and not is_other_data(now, before)
    (tmp_path / "b" / "cats" / "more").mkdir()
    assert is_other_data(before, now) and is_other_data(now, before)
    assert not is_other_data(config_of(dataset="cats", data_dir=str(tmp_path / "gone")), now)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("checkpoints/mine/FLAGS.json", "The run 'mine' exists already .* --resume"),
        ("checkpoints/mine/best/model-5.index", "The run 'mine' exists already .*model-5.index"),
        ("samples/mine/train_00000200.png", "exists already .* or move its folders away"),
    ],
)
def test_what_is_left_of_a_run_is_not_mixed_with_a_new_one(file: str, says: str, tmp_path: Path):
    runs = Runs(str(tmp_path))
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    for check in (runs.named("mine").check_new, lambda: runs.create(config_of(), "mine")):
        with pytest.raises(UserError, match=says):
            check()
    (tmp_path / file).rename((tmp_path / file).with_name("grid.png"))
    (tmp_path / "logs" / "mine").mkdir(parents=True, exist_ok=True)
    (tmp_path / "logs" / "mine" / "events.out.tfevents.1.v2.evaluation").touch()  # of --evaluate with --pretrained
    runs.create(config_of(), "mine")


def test_a_run_that_could_not_begin_is_removed_but_no_other_file(tmp_path: Path):
    run = Runs(str(tmp_path)).create(config_of(), "mine")
    for file in ("model-0.index", "model-0.data-00000-of-00001", "checkpoint"):
        (run.folder / file).touch()
    (run.logs_folder / "events.out.tfevents.1").touch()
    for file in ("grid.png", "reals.png", "augmented.png"):
        (run.samples_folder / file).touch()
    run.discard()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["checkpoints", "grid.png", "logs", "mine", "samples"]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("a[1]", "has '[' in its path, which TensorFlow reads otherwise"),
        (os.fsdecode(b"\xff"), "has '\\udcff' in its path"),
        ("gs://runs", "--out_dir must be a path on this computer, but is 'gs://runs'"),
        ("link/runs", "link is not a folder that can be written"),
        ("file", "cannot be made (Not a directory); choose a writable folder with --out_dir"),
        ("x" * 300, "cannot be made (File name too long)"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_before_images_are_read(tmp_path: Path, place: str, says: str):
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "file").touch()
    fails_with_one_sentence("--train", "--dataset=nothing", f"--out_dir={place}", cwd=tmp_path, says=says)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_before_two_dots_leads_where_the_system_goes(tmp_path: Path):
    """TensorFlow would leave out both."""
    (tmp_path / "far" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "deep")
    run = Runs(str(tmp_path / "link" / ".." / "out"), sample_dir="../samples").named("name")
    assert run.folder == tmp_path / "far" / "out" / "checkpoints" / "name"
    assert run.samples_folder == tmp_path / "far" / "samples" / "name"


def test_a_data_set_of_any_name_gives_a_run_that_is_found_again(tmp_path: Path):
    runs = Runs(str(tmp_path))
    for dataset, begins in (("Katzen [2024] *neu*", "Katzen _2024_ _neu_-20"), ("猫" * 85, "猫" * 50)):
        run = runs.create(config_of(dataset=dataset))  # 255 bytes are the limit
        (run.folder / "model-1.index").touch()
        assert run.name.startswith(begins) and find_run(runs, dataset, "", {}) == run


def test_a_disk_without_locks_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_locks(self: object, *args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = Runs(str(tmp_path)).create(config_of(dataset="a"))
    monkeypatch.setattr(filelock.FileLock, "acquire", no_locks)
    with pytest.warns(DcganWarning, match="has no locks"), run.lock():
        pass
