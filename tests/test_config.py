"""Settings: what is refused, presets, and FLAGS.json."""

from __future__ import annotations

import gc
import json
import re
from pathlib import Path

import pytest

from dcgan_tf.cli import flags
from dcgan_tf.settings import flags_json
from dcgan_tf.settings.config import SETTINGS, Asked, Config
from dcgan_tf.settings.options import PLACES, preset_for
from dcgan_tf.settings.resolve import ask, check_given, convert, resolve
from dcgan_tf.system.errors import UserError


def asked(preset: str = "", **given: object) -> Asked:
    return ask(check_given(given), preset)


def test_json_and_back(tmp_path: Path):
    config = Config(dataset="faces", train_size=1000.0, class_names=("a", "b"), output_height=32, output_width=48)
    (tmp_path / "FLAGS.json").write_text(flags_json.to_json(config))
    assert flags_json.read(tmp_path / "FLAGS.json") == config
    assert json.loads(flags_json.to_json(Config()))["train_size"] == "inf"  # JSON has no infinity
    older = json.loads(flags_json.to_json(Config(class_names=("a", "b"))))
    del older["precision"], older["stages"]
    (tmp_path / "FLAGS.json").write_text(json.dumps(older | {"of_a_later_version": 1, "d_filters": "64, 128"}))
    read = flags_json.read(tmp_path / "FLAGS.json")
    assert read == Config(class_names=("a", "b"), d_filters="64,128") and read.has_mnist_networks


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"dataset": "x"}', '64 -> "sixty-four"', "64 -> -1", "[" * 100_000])
def test_damaged_settings_are_one_sentence(tmp_path: Path, text: str):
    if "->" in text:
        text = flags_json.to_json(Config()).replace(*text.split(" -> "))
    (tmp_path / "FLAGS.json").write_text(text)
    gc.disable()  # where a recursion ends, what other tests left cannot be collected without an error
    try:
        with pytest.raises(UserError, match=r"FLAGS.json is damaged \(.*\); restore it"):
            flags_json.read(tmp_path / "FLAGS.json")
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"output_width": -28}, "--output_width must be greater than 0, but is -28"),
        ({"beta1": 1.0}, "--beta1 must be at least 0 and less than 1"),
        ({"lr_decay_epochs": 26}, "--lr_decay_epochs must be at most --epoch, 25, but is 26"),
        ({"c_dim": 2}, "--c_dim must be one of 1, 3, but is 2"),
        ({"precision": "half"}, "--precision must be one of float32, bfloat16, float16, auto, but is 'half'"),
        ({"learning_rate": 10**400}, "--learning_rate must be a finite number, but is inf"),
        ({"d_filters": "64"}, "--d_filters takes two numbers greater than 0, like 64,128, but is '64'"),
        ({"augment": "color,flip"}, "--augment takes some of color,translation,cutout, but is 'color,flip'"),
        ({"stages": "deep"}, "--stages must be original, auto, or a number from 1 to 99, but is 'deep'"),
        ({"stages": "9" * 5000}, "--stages must be original, auto, or a number from 1 to 99, but is '999"),
        ({"epoch_samples": "30"}, "--epoch_samples must be between 1 and --epoch, which is 25, but is '30'"),
        ({"epoch_samples": "0,30", "iterations": 9}, "--epoch_samples must be at least 1, but is '0,30'"),
        ({"epoch_samples": "2;3"}, "--epoch_samples takes numbers and ranges from low to high"),
        ({"dataset": ""}, "--dataset is blank"),
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
        ("best", {"epoch": 9, "lr_decay_epochs": 2}, {"epoch": 9, "lr_decay_epochs": 2}),
        ("best", {"iterations": 100}, {"iterations": 100, "lr_decay_epochs": 35, "d_filters": "64,128"}),
        ("small", {"epoch": 4}, {"epoch": 4, "iterations": None, "batch_size": 16, "stages": "auto"}),
        ("photos", {"batch_size": 8}, {"augment_p": 0.5, "augment": "color,translation,cutout", "batch_size": 8}),
        ("large", {"gf_dim": 64}, {"gf_dim": 64, "df_dim": 32, "batch_size": 64, "iterations": 15_000, "augment": ""}),
        ("auto", {"lr_decay_epochs": 35}, {"gf_dim": 64, "lr_decay_epochs": 35}),  # the images decide later
        ("", {"epoch": 3}, {"epoch": 3, "g_ema": 0, "lr_decay_epochs": 0}),
    ],
)
def test_what_is_given_counts_more_than_a_preset(preset: str, given: dict, expected: dict):
    found = asked(preset, **given)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("count", "equal_neighbours", "like_mnist", "preset"),
    [
        (300, 0.2, False, "small"),
        (2_000, 0.19, True, "photos"),
        (2_001, 0.8, True, "best"),
        (60_000, 0.8, False, "large"),
    ],
)
def test_the_preset_for_the_images(count: int, equal_neighbours: float, like_mnist: bool, preset: str):
    name, why = preset_for(count, equal_neighbours, like_mnist)
    assert name == preset
    assert f"{count:,}" in why


def test_paths_are_expanded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HERE", "/a")
    assert convert({"out_dir": "$HERE/b"}, PLACES) == {"out_dir": "/a/b"}


@pytest.mark.parametrize(
    ("name", "texts", "saved"),
    [
        ("stages", ["02", "2", 2, 2.0], "2"),
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
    config = resolve(asked(z_dim=7), DECIDED | {"stages": "original"}, {"gf_dim": 8})
    assert (config.image_shape, config.y_dim, config.z_dim, config.gf_dim) == ((28, 32, 1), 2, 7, 8)
    assert config.has_mnist_networks and config.value_range == (0, 1) and config.d_widths == (3, 66)
    for of_asked, default in (("auto", "original"), ("", "auto"), ("3", "original")):
        config = resolve(asked(stages=of_asked), DECIDED | {"stages": default})
        assert (config.stages, config.stage_count, config.has_mnist_networks) == ("3", 3, False)
    assert resolve(asked(stages="original"), DECIDED | {"stages": "auto"}).has_mnist_networks
    with pytest.raises(UserError, match="multiples of 4, but are 30 and 32"):
        resolve(asked(), DECIDED | {"output_height": 30, "stages": "original"})
    with pytest.raises(UserError, match="--stages 5 halves images of 28 pixels to less than one; give at most 4, or"):
        resolve(asked(stages="5"), DECIDED)


def test_a_config_without_a_data_set_has_the_sizes_of_the_original():
    assert (Config().image_shape, Config().stage_count, Config().has_labels) == ((64, 64, 3), 4, False)
    assert {setting.default for name, setting in SETTINGS.items() if name.startswith("output_")} == {None}


@pytest.mark.parametrize(
    ("settings", "unused"),
    [
        ({"d_filters": "64,128", "gfc_dim": 32, "stages": "3"}, ("d_filters", "gfc_dim")),
        ({"gfc_dim": 1024, "augment_p": 0.5, "augment": "color"}, ()),
        ({"augment_p": 0.5}, ("augment_p",)),
        ({"df_dim": 32, "dfc_dim": 32, "d_filters": "64,128", "class_names": ("a", "b")}, ("df_dim",)),
    ],
)
def test_settings_that_a_training_does_not_use(settings: dict, unused: tuple[str, ...]):
    assert Config(**settings).without_effect == unused


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--is_train", "True"], "--is_train is now --train; give that instead."),
        (["--nois_crop"], "--is_crop is now --crop; give that instead."),
        (["--output_size=64"], "--output_size is now --output_height; give that instead."),
        (["--train", "True"], "a switch stands alone, as --train, or is turned off, as --nocrop"),
    ],
)
def test_flags_of_older_versions_name_their_successors(given: list[str], says: str):
    with pytest.raises(UserError, match=re.escape(says)) as error:
        flags.parse(["main.py", "--dataset=mnist", *given])
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("given", [["--train=True"], ["--train=true"], ["--notrain", "--train"]])
def test_values_of_a_switch_that_work(given: list[str]):
    typed = flags.parse(["main.py", *given, "--c_dim=3", "--crop=False"]).given
    assert check_given(typed) == {"c_dim": 3, "crop": False}
