"""The command line and Python: the same arguments give the same settings, or the same sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import config_of

import dcgan_tf
from dcgan_tf import api
from dcgan_tf.cli import program
from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.select import Selection
from dcgan_tf.system.errors import UserError
from dcgan_tf.training import start
from dcgan_tf.training.plan import plan_training
from dcgan_tf.training.train import Outcome

ORIGINAL = str(Path(__file__).parent / "original_checkpoint")


class Understood(Exception):
    """What a door has understood."""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Two trained runs, of which only the settings are there, and trainings that end before they begin."""
    runs = Runs(str(tmp_path))
    for name, config in (
        ("by-epochs", config_of(dataset="a", epoch=4, output_height=32, gf_dim=16)),
        ("by-iterations", config_of(dataset="a", iterations=900, g_ema=0.999, output_height=32)),
    ):
        runs.create(config, name)
        (runs.named(name).folder / "model-1.index").touch()

    def understand(runs: Runs, name: str, given: dict, chosen: dict, on_log: object = None) -> None:
        raise Understood(plan_training(runs, name, given, chosen))

    monkeypatch.setattr(start, "train", understand)
    return runs


def through(door: Any) -> Any:
    """Return what the door understands: its result, or the sentence of its error."""
    try:
        return door()
    except Understood as understood:
        return understood.args[0]
    except UserError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return str(error)


INF = float("inf")
# The flags, the same arguments for Python, and what is in the Config or in the sentence.
TRAININGS: list[tuple[str, dict[str, Any], dict[str, Any] | str]] = [
    ("", {}, {"epoch": 25, "batch_size": 64, "train_size": INF}),
    ("--epoch=10", {"epoch": 10.0}, {"epoch": 10}),
    ("--iterations=1e1", {"iterations": 1e1}, {"iterations": 10}),
    ("--epoch=1.5", {"epoch": 1.5}, "--epoch must be a whole number, but is '1.5'"),
    ("--crop", {"crop": 1}, {"crop": True}),
    ("--crop=maybe", {"crop": "maybe"}, "--crop must be true or false, but is 'maybe'"),
    ("--seed=3", {"seed": np.int64(3)}, {"seed": 3}),
    ("--seed=-1", {"seed": -1}, "--seed must be at least 0 and less than 4294967296, but is -1"),
    ("--learning_rate=0.0009765625", {"learning_rate": np.float32(2**-10)}, {"learning_rate": 2**-10}),
    ("--data_dir=~/x", {"data_dir": Path("~/x")}, {"data_dir": str(Path.home() / "x")}),
    ("--nonsense=1", {"nonsense": 1}, "There is no setting --nonsense here"),
    ("--lr=1", {"lr": 1}, "(did you mean --learning_rate?)"),
    ("--gpu=0", {"gpu": 0}, "(did you mean CUDA_VISIBLE_DEVICES, a variable"),
    ("--is_train True --is_crop True", {"crop": True}, {"crop": True}),
    ("--crop false", {"crop": "false"}, {"crop": False}),
    ("--epoch=3 --iterations=5", {"epoch": 3, "iterations": 5}, "--iterations replaces --epoch; give only one"),
    ("--lr_decay_epochs=26", {"lr_decay_epochs": 26}, "--lr_decay_epochs must be at most --epoch, 25, but is 26"),
    ("--preset=best --epoch=8", {"preset": "best", "epoch": 8}, {"epoch": 8, "lr_decay_epochs": 4}),
    ("--preset=big", {"preset": "big"}, "--preset must be one of auto, paper, best, small, photos, large, but is"),
    ("--resume --init_from=x", {"resume": True, "init_from": "x"}, "--init_from begins a new run and --resume"),
    ("--init_from=x --pretrained", {"init_from": "x", "pretrained": True}, "--init_from and --pretrained both choose"),
    (f"--checkpoint={ORIGINAL}", {"checkpoint": Path(ORIGINAL)}, {"dataset": "a"}),
    ("--init_from=by-epochs", {"init_from": "by-epochs"}, {"epoch": 25}),
    ("--init_from=pretrained:no", {"init_from": "pretrained:no"}, "There is no pretrained run of the data set 'no'"),
    ("--resume --out_name=x/y", {"resume": True, "out_name": "x/y"}, "--out_name must be a plain name without /"),
    ("--resume", {"resume": True}, {"iterations": 900, "g_ema": 0.999}),
    ("--resume --epoch=3", {"resume": True, "epoch": 3}, {"iterations": None, "epoch": 3, "g_ema": 0.999}),
    ("--resume --gf_dim=16", {"resume": True, "gf_dim": 16}, {"epoch": 4, "gf_dim": 16}),
    ("--resume --gf_dim=3", {"resume": True, "gf_dim": 3}, "No trained run of data set 'a', gf_dim 3"),
    ("--resume --out_name=new --epoch=2", {"resume": True, "out_name": "new", "epoch": 2}, {"epoch": 2, "g_ema": 0}),
    ("--epoch_samples=2,5", {"epoch_samples": [2, 5]}, {"epochs_to_keep": (2, 5)}),
    ("--d_filters=64,128", {"d_filters": (64, 128)}, {"d_filters": "64,128"}),
    ("--hold_out=0.1 --split=test", {"hold_out": 0.1, "split": "test"}, "--split test trains on what --hold_out keeps"),
    ("--resume --lr_decay_epochs=800", {"resume": True, "lr_decay_epochs": 800}, {"iterations": 900}),
]


@pytest.mark.parametrize(("flags", "arguments", "expected"), TRAININGS, ids=[f"{i}" for i in range(len(TRAININGS))])
def test_trainings(runs: Runs, flags: str, arguments: dict, expected: dict | str):
    argv = ["main.py", "--train", f"--out_dir={runs.out_dir}"]
    if "--dataset" not in flags:
        argv.append("--dataset=a")
    typed = through(lambda: program.main([*argv, *flags.split()]))
    called = through(lambda: dcgan_tf.train(**{"dataset": "a", "out_dir": Path(runs.out_dir)} | arguments))
    assert str(typed) == str(called)
    if isinstance(expected, str):
        assert expected in typed
    else:
        assert {name: getattr(typed.asked, name) for name in expected} == expected


USES: list[tuple[str, str, dict[str, Any], str]] = [
    ("", "a", {}, ""),
    ("--g_ema=0", "a", {"g_ema": 0}, ""),
    ("--out_name=by-epochs", "by-epochs", {}, ""),
    ("--best", "a", {"best": True}, ""),
    ("--iteration=7", "a", {"iteration": 7.0}, ""),
    ("--iteration=-1", "a", {"iteration": -1}, "--iteration must be at least 0, but is -1"),
    ("--best --iteration=7", "a", {"best": True, "iteration": 7}, "--best and --iteration both choose the weights"),
    ("--weights=RAW", "a", {"weights": "RAW"}, "--weights must be one of raw, ema, but is 'RAW'"),
    ("--weights=ema --g_ema=0", "a", {"weights": "ema", "g_ema": 0}, "The run by-epochs has no average"),
    ("--pretrained --dataset=mouths", "pretrained:mouths", {}, ""),
    (f"--checkpoint={ORIGINAL} --best", ORIGINAL, {"best": True}, "both choose the weights"),
    ("--dataset=b", "b", {}, "No trained run of data set 'b'"),
    ("--dataset=MNIST", "MNIST", {}, "; add --pretrained to use the one that comes with the program, or train one"),
    ("--pretrained --dataset=Mouths", "pretrained:Mouths", {}, ""),
    ("--out_name=by-epochs --gf_dim=3", "by-epochs", {"gf_dim": 3}, "The run by-epochs has --gf_dim 16"),
    ("--out_name=by-epochs --dataset=b", "by-epochs", {"dataset": "b"}, ""),
    ("--data_dir=~/x --batch_size=9", "a", {"data_dir": Path("~/x"), "batch_size": 9}, ""),
    ("--evaluate_samples=9.5", "a", {"evaluate_samples": 9.5}, "--evaluate_samples must be a whole number"),
]


@pytest.mark.parametrize(("flags", "source", "arguments", "expected"), USES, ids=[f"{i}" for i in range(len(USES))])
def test_uses(runs: Runs, monkeypatch: pytest.MonkeyPatch, flags: str, source: str, arguments: dict, expected: str):
    def understood(selection: Selection, **keywords: Any) -> None:
        raise Understood(selection)

    monkeypatch.setattr("dcgan_tf.sampling.visualize.write_random_sheet", understood)
    argv = ["main.py", f"--out_dir={runs.out_dir}"]
    if "--dataset" not in flags and "--checkpoint" not in flags:
        argv.append("--dataset=a")
    typed = through(lambda: program.main([*argv, *flags.split()]))
    called = through(lambda: api.load(source, out_dir=runs.out_dir, **arguments).selection)
    assert str(typed) == str(called)
    assert expected in str(typed)
    assert isinstance(typed, Selection) == (not expected)


def test_an_original_checkpoint_is_found_after_a_change_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(Path(ORIGINAL).parent)
    run = dcgan_tf.load("original_checkpoint")
    monkeypatch.chdir(tmp_path)
    assert run.generate(1).shape == (1, *run.config.image_shape)


def test_a_worker_that_is_not_the_first_has_no_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(start, "train", lambda *_: Outcome(run=None, signal=0))
    assert dcgan_tf.train("a") is None


def test_an_evaluation_takes_only_what_may_differ(blobs_run: Path):
    run = dcgan_tf.load("blobs-small", out_dir=blobs_run)
    with pytest.raises(UserError, match=r"no setting --evaluate_sample here \(did you mean --evaluate_samples\?\)"):
        run.evaluate(evaluate_sample=100)
    with pytest.raises(UserError, match="--epoch is fixed since the training"):
        run.evaluate(epoch=3)
