"""Settings: what is refused, and FLAGS.json."""

from __future__ import annotations

import dataclasses
import gc
import json
from pathlib import Path

import pytest

from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import Config
from dcgan_tf.settings.given import check_given, with_preset
from dcgan_tf.settings.presets import preset_for
from dcgan_tf.system.errors import UserError


def test_json_and_back(tmp_path: Path):
    config = Config(dataset="faces", train_size=1000, class_names=("a", "b"), output_height=32, output_width=48)
    (tmp_path / "FLAGS.json").write_text(flags_json.to_json(config))
    assert flags_json.read(tmp_path / "FLAGS.json") == config
    assert json.loads(flags_json.to_json(Config()))["train_size"] == "inf"  # JSON has no infinity
    (tmp_path / "FLAGS.json").write_text(flags_json.to_json(Config()))
    assert flags_json.read(tmp_path / "FLAGS.json") == Config()


def test_a_setting_missing_in_flags_json_has_its_default(tmp_path: Path):
    older = {
        name: value for name, value in json.loads(flags_json.to_json(Config(z_dim=7))).items() if name != "precision"
    }
    (tmp_path / "FLAGS.json").write_text(json.dumps(older))
    assert flags_json.read(tmp_path / "FLAGS.json") == Config(z_dim=7, precision="float32")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{",
        '{"dataset": "x"}',
        flags_json.to_json(Config()).replace("64", '"sixty-four"'),
        flags_json.to_json(Config()).replace("64", "-1"),
    ],
)
def test_damaged_settings_are_one_sentence(tmp_path: Path, text: str):
    (tmp_path / "FLAGS.json").write_text(text)
    with pytest.raises(UserError, match=r"FLAGS.json is damaged \(.*\); restore it"):
        flags_json.read(tmp_path / "FLAGS.json")


def test_settings_nested_too_deep_are_one_sentence(tmp_path: Path):
    (tmp_path / "FLAGS.json").write_text("[" * 100_000)
    gc.disable()  # where the recursion ends, what other tests left cannot be collected without an error
    try:
        with pytest.raises(UserError, match=r"FLAGS.json is damaged \(RecursionError: .*\); restore it"):
            flags_json.read(tmp_path / "FLAGS.json")
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"batch_size": 0}, "--batch_size must be greater than 0, but is 0"),
        ({"output_width": -28}, "--output_width must be greater than 0, but is -28"),
        ({"learning_rate": float("nan")}, "--learning_rate must be greater than 0"),
        ({"beta1": 1.0}, "--beta1 must be at least 0 and less than 1"),
        ({"lr_decay_epochs": 26}, "--lr_decay_epochs must be at most --epoch, 25, but is 26"),
        ({"weight_decay": -1.0}, "--weight_decay must be at least 0, but is -1.0"),
        ({"seed": -1}, "--seed must be at least 0 and less than 4294967296, but is -1"),
        ({"c_dim": 2}, "--c_dim must be one of 1, 3, but is 2"),
        ({"z_dist": "normal"}, "--z_dist must be one of uniform_signed, uniform_unsigned, normal01, but is 'normal'"),
        ({"precision": "half"}, "--precision must be one of float32, bfloat16, float16, auto, but is 'half'"),
        ({"xla": "yes"}, "--xla must be one of auto, on, off"),
        ({"strategy": "all"}, "--strategy must be one of auto, none, mirrored, multi_worker, but is 'all'"),
        ({"d_filters": "64"}, "--d_filters takes two numbers greater than 0, like 64,128, but is '64'"),
        ({"g_ema": 1.0}, "--g_ema must be at least 0 and less than 1"),
        ({"g_steps": 0}, "--g_steps must be greater than 0"),
        ({"augment": "color,flip"}, "--augment takes some of color,translation,cutout, but is 'color,flip'"),
        ({"iterations": 0}, "--iterations must be greater than 0, but is 0"),
        ({"epoch_samples": "30"}, "--epoch_samples must be between 1 and --epoch, which is 25, but is '30'"),
        ({"epoch_samples": "0,30", "iterations": 9}, "--epoch_samples must be at least 1, but is '0,30'"),
        ({"dataset": ""}, "--dataset is blank"),
        ({"class_names": ("a",), "output_height": 30, "output_width": 28}, "multiples of 4, but are 30 and 28"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_impossible_settings_name_the_flag(settings: dict, says: str):
    with pytest.raises(UserError) as error:
        Config(**settings)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("preset", "given", "expected"),
    [
        ("best", {}, {"epoch": 70, "lr_decay_epochs": 35, "batch_size": 128, "weight_decay": 2.5e-5, "g_ema": 0.999}),
        ("best", {"epoch": 11}, {"epoch": 11, "lr_decay_epochs": 5, "batch_size": 128}),
        ("best", {"epoch": 1}, {"epoch": 1, "lr_decay_epochs": 0}),
        ("best", {"epoch": 9, "lr_decay_epochs": 2}, {"epoch": 9, "lr_decay_epochs": 2}),
        ("best", {"iterations": 100}, {"iterations": 100, "lr_decay_epochs": 35}),
        ("best", {"g_steps": 2}, {"g_steps": 2, "d_filters": "64,128"}),
        ("small", {"epoch": 4}, {"epoch": 4, "iterations": None, "batch_size": 16}),
        ("small", {"g_steps": 1}, {"g_steps": 1, "g_ema": 0.999, "iterations": 15_000, "lr_decay_epochs": 0}),
        ("photos", {"batch_size": 8}, {"augment_p": 0.5, "augment": "color,translation,cutout", "batch_size": 8}),
        ("small", {}, {"gf_dim": 32, "df_dim": 32, "precision": "auto", "stages": "auto"}),
        ("large", {"gf_dim": 64}, {"gf_dim": 64, "df_dim": 32, "batch_size": 64, "iterations": 15_000, "augment": ""}),
        ("auto", {"lr_decay_epochs": 35}, {"gf_dim": 64, "stages": "auto", "augment": ""}),  # the images decide later
        ("", {"epoch": 3}, {"epoch": 3, "g_ema": 0, "lr_decay_epochs": 0}),
    ],
)
def test_what_is_given_counts_more_than_a_preset(preset: str, given: dict, expected: dict):
    config = Config(**with_preset(preset, check_given(given)))
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("count", "equal_neighbours", "like_mnist", "preset"),
    [
        (300, 0.91, False, "small"),
        (300, 0.2, False, "small"),
        (300, 0.19, False, "photos"),
        (2_000, 0.04, True, "photos"),
        (2_000, 0.8, True, "small"),
        (2_001, 0.8, True, "best"),
        (60_000, 0.8, False, "large"),
    ],
)
def test_the_preset_for_the_images(count: int, equal_neighbours: float, like_mnist: bool, preset: str):
    name, why = preset_for(count, equal_neighbours, like_mnist)
    assert name == preset
    assert f"{count:,}" in why


def test_a_preset_with_an_impossible_epoch_is_one_sentence():
    with pytest.raises(UserError, match="--epoch must be greater than 0, but is 0"):
        check_given({"epoch": 0})


def test_epochs_to_keep_must_be_epochs_of_the_run():
    assert Config(epoch=25, epoch_samples="2,10,25").epochs_to_keep == (2, 10, 25)
    for text in ("26", "0,5", "2;3"):
        with pytest.raises(UserError, match="--epoch_samples"):
            Config(epoch=25, epoch_samples=text)
    with pytest.raises(UserError, match="--epoch, which is 5"):
        dataclasses.replace(Config(epoch=25, epoch_samples="10"), epoch=5)


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({"d_filters": "64,128", "gfc_dim": 32, "stages": "3"}, ("d_filters", "gfc_dim")),
        ({"gfc_dim": 1024}, ()),  # the default
        ({"augment_p": 0.5}, ("augment_p",)),
        ({"augment_p": 0.5, "augment": "color"}, ()),
        ({"dfc_dim": 32, "class_names": ("a", "b")}, ()),
        ({"df_dim": 32, "d_filters": "64,128", "class_names": ("a", "b")}, ("df_dim",)),
        ({"dfc_dim": 32, "class_names": ("a", "b"), "stages": "3"}, ("dfc_dim",)),
    ],
)
def test_settings_that_a_training_does_not_use(settings: dict, unused: tuple[str, ...]):
    assert Config(**settings).without_effect == unused


@pytest.mark.parametrize("stages", ["02", "2", 2, 2.0])
def test_stages_find_the_run_however_the_number_is_written(stages: object):
    """A later command compares what was given with what the run has."""
    given = check_given({"stages": stages})
    assert given["stages"] == Config(**given).stages == Config(stages="2").stages == "2"
