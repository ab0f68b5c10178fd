"""Too little memory, and XLA that cannot compile, are one sentence that names the flag which helps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tensorflow as tf
from helpers import SMALL, fails_with_one_sentence

from dcgan_tf import model
from dcgan_tf.networks import build_generator
from dcgan_tf.pixels import ValueRange
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, device_errors

HUGE = {"gf_dim": 16_000_000, "z_dim": 100_000}  # a matrix of 800 TB, which no system promises


@pytest.mark.slow
def test_networks_are_built_after_one_that_had_too_little_memory():
    """It takes 10 s, because TensorFlow waits for memory."""
    config = Config(output_height=16, output_width=16, c_dim=3, gf_dim=4)
    with pytest.raises(UserError, match=r"There is too little memory \(.*; give less\."), device_errors("less"):
        build_generator(dataclasses.replace(config, **HUGE))
    # Of networks that Keras builds by itself, no variable would now get a value.
    assert all(isinstance(variable.value, tf.Variable) for variable in build_generator(config).variables)


def test_a_step_that_xla_cannot_compile(images_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    to_float = model.to_float

    def with_python(images: tf.Tensor, value_range: ValueRange) -> tf.Tensor:  # which XLA has no kernel for
        x = to_float(images, value_range)
        return tf.ensure_shape(tf.py_function(lambda value: value, [x], x.dtype), x.shape)

    monkeypatch.setattr(model, "to_float", with_python)
    flags = ["--dataset=blobs", f"--data_dir={images_dir}", f"--out_dir={tmp_path}", "--train", "--xla=on", *SMALL]
    text = fails_with_one_sentence(*flags, cwd=tmp_path, says="XLA cannot compile for this device (")
    assert text.endswith("give --xla off, which needs no XLA.") and "EagerPyFunc" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bedroom/.frozen; File too large", "A file could not be written"),
        ("OOM when allocating tensor", "There is too little memory"),
        ("{{node XLA_Launch}} XLA compilation failed", "XLA cannot compile"),
    ],
)
def test_each_error_of_tensorflow_has_its_own_sentence(text: str, says: str):
    with pytest.raises(UserError, match=says), device_errors("less"):
        raise tf.errors.ResourceExhaustedError(None, None, text)
