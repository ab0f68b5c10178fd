"""Which run --resume continues, with which settings, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.select import find_run
from dcgan_tf.settings.config import Config
from dcgan_tf.system import messages
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import DcganWarning
from dcgan_tf.training.resume import resumed_config
from dcgan_tf.training.start import understand


def run_of(runs: Runs, name: str, *, iterations: int, **settings: object) -> None:
    """A run of which only the settings and, after some iterations, the name of a checkpoint are there."""
    runs.create(Config(dataset="cats", **settings), name)
    if iterations:
        (runs.named(name).folder / f"model-{iterations}.index").touch()
        (runs.named(name).folder / f"model-{iterations}.data-00000-of-00001").touch()


def test_the_newest_run_continues_also_without_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture):
    runs = Runs(str(tmp_path))
    run_of(runs, "finished", iterations=200, epoch=25)
    run_of(runs, "stopped", iterations=0, epoch=50)
    start = understand(runs, "", {"dataset": "cats"}, {"resume": True})
    assert start.run.name == "stopped" and start.config.epoch == 50
    with messages.shown():
        assert find_run(runs, "cats").name == "finished"  # for images
    assert "Skipped:     the run stopped has no checkpoint." in capsys.readouterr().out


def test_what_the_run_has_seen_cannot_change():
    with pytest.raises(UserError, match="trained on --split all, .* leave out --split train, or train a new"):
        resumed_config(Config(), {"split": "train"})
    assert resumed_config(Config(split="train"), {"split": "train"}).split == "train"


@pytest.mark.parametrize(
    ("saved", "given", "kept"),
    [
        ({}, {"hold_out": 0.1}, "--hold_out 0.1"),
        ({"hold_out": 0.2}, {"hold_out": 0.1}, "--hold_out 0.1"),
        ({"hold_out": 0.1}, {"hold_out": 0.1}, None),
        ({"hold_out": 0.1}, {"hold_out": 0.1, "split": "train"}, None),
        ({}, {"hold_out": 0.1, "input_fname_pattern": "*.jpg"}, None),
        ({}, {"split": "train"}, "--split train"),
        ({"split": "train"}, {"split": "train"}, None),
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
        assert understand(runs, "", given, {"init_from": "first"}).weights.name == "first"
        return
    with pytest.raises(UserError, match=f"The run first was trained without {kept} on the same data set"):
        understand(runs, "", given, {"init_from": "first"})


def test_another_batch_size_is_said(capsys: pytest.CaptureFixture):
    with messages.shown():
        resumed_config(Config(), {"batch_size": 64})
        resumed_config(Config(iterations=100), {"batch_size": 32})
        resumed_config(Config(), {"batch_size": 32, "iterations": 100})
        assert capsys.readouterr().out == ""
        resumed_config(Config(), {"batch_size": 32})
    assert "a batch has 32 images, not 64, so an epoch has another number of iterations" in capsys.readouterr().out


def test_fewer_epochs_leave_out_what_comes_later(capsys: pytest.CaptureFixture):
    saved = Config(epoch=70, lr_decay_epochs=35, epoch_samples="2,10,40")
    with messages.shown():
        fewer = resumed_config(saved, {"epoch": 30})
    hints = capsys.readouterr().out
    assert "--lr_decay_epochs 15, because the training now ends after epoch 30" in hints and "--epoch_samples" in hints
    assert (fewer.lr_decay_epochs, fewer.epoch_samples) == (15, "2,10")
    more = resumed_config(saved, {"epoch": 90})
    assert (more.lr_decay_epochs, more.epoch_samples) == (35, "2,10,40")
    with pytest.raises(UserError, match="--lr_decay_epochs must be at most --epoch, 30, but is 31"):
        resumed_config(saved, {"epoch": 30, "lr_decay_epochs": 31})


def test_another_folder_of_the_same_name_is_said(tmp_path: Path):
    for name in ("cats", "dogs"):
        (tmp_path / name / "images").mkdir(parents=True)
        (tmp_path / name / "images" / "1.png").touch()
    saved = Config(dataset="images", data_dir=str(tmp_path / "cats"))
    other = {"data_dir": str(tmp_path / "dogs")}
    resumed_config(saved, other)  # no warning: the same files
    (tmp_path / "dogs" / "images" / "rex.png").touch()
    with pytest.warns(DcganWarning, match=r"in .*cats/images; it continues on the data set 'images' in .*dogs/images"):
        resumed_config(saved, other)
    with pytest.warns(DcganWarning, match=r"in .*cats/images \(\*\.jpg\)\."):
        resumed_config(saved, {"input_fname_pattern": "*.jpg"})
    (tmp_path / "cats" / "images").rename(tmp_path / "moved")
    resumed_config(saved, other)  # no warning: the images have moved
