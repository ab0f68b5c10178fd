"""Settings: what is refused, presets, and FLAGS.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import config_of

from dcgan_tf.cli import flags
from dcgan_tf.settings.config import Asked, Config
from dcgan_tf.settings.resolve import ask, check_given, resolve
from dcgan_tf.system.errors import UserError


def asked(preset: str = "", **given: object) -> Asked:
    return ask(check_given(given), preset)


def test_json_and_back(tmp_path: Path):
    path = tmp_path / "FLAGS.json"
    config = config_of(dataset="faces", train_size=1000.0, class_names=("a", "b"), output_height=32, output_width=48)
    config.save(path)
    assert Config.read(path) == config
    assert json.loads(config_of().to_json())["train_size"] == "inf"  # JSON has no infinity
    older = json.loads(config_of(class_names=("a", "b")).to_json())
    del older["precision"], older["stages"], older["class_loss"]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):  # as editors of Windows save a file
        path.write_text(json.dumps(older | {"of_a_later_version": 1, "d_filters": "64, 128"}), encoding)
        assert Config.read(path) == config_of(class_names=("a", "b"), d_filters="64,128")
    path.write_text(json.dumps(older | {"epoch": 3, "iterations": 5}))  # 1.0.0 saves both
    assert (
        Config.read(path).changed().items() >= {"iterations": 5}.items() and "epoch" not in Config.read(path).changed()
    )


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"dataset": "x"}', '64 -> "sixty-four"', "64 -> -1"])
def test_damaged_settings_are_one_sentence(tmp_path: Path, text: str):
    if "->" in text:
        text = config_of().to_json().replace(*text.split(" -> "))
    (tmp_path / "FLAGS.json").write_text(text)
    with pytest.raises(UserError, match=r"FLAGS.json is damaged \(.*\); restore it"):
        Config.read(tmp_path / "FLAGS.json")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"output_width": -28}, "--output_width must be greater than 0, but is -28"),
        ({"beta1": 1.0}, "--beta1 must be at least 0 and less than 1"),
        ({"c_dim": 2}, "--c_dim must be one of 1, 3, but is 2"),
        ({"d_filters": "64"}, "--d_filters must be two numbers, like 64,128, but is '64'"),
        ({"augment": "color,flip"}, "--augment must be some of color,translation,cutout, but is 'color,flip'"),
        ({"stages": "deep"}, "--stages must be original, auto, or a number from 1 to 99, but is 'deep'"),
        ({"epoch_samples": "2,30"}, "--epoch_samples must be at most --epoch, 25, but is 30"),
        ({"epoch_samples": "0,30"}, "--epoch_samples must be numbers greater than 0, but is '0,30'"),
    ],
)
def test_impossible_settings_name_the_flag(settings: dict, says: str):
    with pytest.raises(UserError) as error:
        asked(**settings)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("preset", "given", "expected"),
    [
        ("best", {}, {"epoch": 70, "lr_decay_epochs": 35, "batch_size": 128, "weight_decay": 2.5e-5, "g_ema": 0.999}),
        ("best", {"epoch": 11}, {"epoch": 11, "lr_decay_epochs": 5, "batch_size": 128}),
        ("best", {"iterations": 100}, {"iterations": 100, "lr_decay_epochs": 35, "d_filters": "64,128"}),
        ("small", {"epoch": 4}, {"epoch": 4, "iterations": None, "batch_size": 16, "stages": "auto"}),
        ("photos", {"batch_size": 8}, {"augment_p": 0.5, "augment": "color,translation,cutout", "batch_size": 8}),
        ("auto", {"lr_decay_epochs": 35}, {"gf_dim": 64, "lr_decay_epochs": 35}),  # the images decide later
        ("", {"epoch": 3}, {"epoch": 3, "g_ema": 0, "lr_decay_epochs": 0}),
    ],
)
def test_what_is_given_counts_more_than_a_preset(preset: str, given: dict, expected: dict):
    found = asked(preset, **given)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "texts", "saved"),
    [
        ("stages", ["2", 2], "2"),
        ("d_filters", ["64, 128", "64,128", [64, 128]], "64,128"),
        ("epoch_samples", [" 2, 5-6", (2, 5, 6)], "2,5,6"),
        ("augment", ["color, cutout", ["color", "cutout"]], "color,cutout"),
    ],
)
def test_a_value_is_the_same_however_it_is_written(name: str, texts: list, saved: str):
    """A later command compares what was given with what the run has."""
    assert {check_given({name: text})[name] for text in texts} == {saved}


DECIDED = {"output_height": 28, "output_width": 32, "c_dim": 1, "conditional": True, "class_names": ("a", "b")}


def test_the_data_set_decides_what_was_not_asked_for():
    config = resolve(asked(z_dim=7, gf_dim=8), DECIDED | {"stages": "original"})
    assert (config.image_shape, config.y_dim, config.z_dim, config.gf_dim) == ((28, 32, 1), 2, 7, 8)
    assert config.has_mnist_networks and config.value_range == (0, 1) and config.d_widths == (3, 66)
    for of_asked, default in (("auto", "original"), ("", "auto"), ("3", "original")):
        config = resolve(asked(stages=of_asked), DECIDED | {"stages": default})
        assert (config.stages, config.stage_count, config.has_mnist_networks) == ("3", 3, False)
        assert config.class_loss == 0.3
    assert not resolve(asked(stages="3", class_loss=0.0), DECIDED).class_loss
    assert not resolve(asked(stages="3", class_loss=0.1), DECIDED | {"class_names": ()}).class_loss
    config = resolve(asked(stages="original", class_loss=0.1), DECIDED | {"stages": "auto"})
    assert config.has_mnist_networks and not config.class_loss
    with pytest.raises(UserError, match="multiples of 4, but are 30 and 32"):
        resolve(asked(), DECIDED | {"output_height": 30, "stages": "original"})
    with pytest.raises(UserError, match="--stages 5 halves images of 28 pixels to less than one; give at most 4, or"):
        resolve(asked(stages="5"), DECIDED)


def test_a_blank_value_of_a_command_is_refused():
    with pytest.raises(UserError, match="--grid must be rows and columns, like 8x16, but is ''"):
        flags.parse(["main.py", "--grid="])
