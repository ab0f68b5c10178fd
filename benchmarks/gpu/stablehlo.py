"""A function of TensorFlow as StableHLO, the form in which programs for XLA are exchanged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
from tensorflow.compiler.mlir.stablehlo import stablehlo

VERSION = "1.0.0"  # of StableHLO: later readers understand it, too


class Program(NamedTuple):
    """What XLA gets to compile.

    Its arguments are those of the function, then the variables. Its results are those of the function, then the new
    values of the variables in `updates`.
    """

    artifact: bytes
    variables: list[tf.Tensor]  # their handles
    updates: dict[int, int]  # the place of a new value among the results: the place of its variable in `variables`


def program_of(function: Callable[..., list[tf.Tensor]], specs: list[tf.TensorSpec]) -> Program:
    """Trace a function, and return what TensorFlow would compile of it. The text is the same for a CPU and a GPU."""
    compiled = tf.function(function, jit_compile=True, autograph=False)
    variables = list(compiled.get_concrete_function(*specs).captured_inputs)
    text = compiled.experimental_get_compiler_ir(*specs)(stage="stablehlo")
    aliases = re.findall(r"parameter_number = (\d+) : i64}, output_index = array<i64: (\d+)>", text)
    updates = {int(result): int(parameter) - len(specs) for parameter, result in aliases}
    return Program(stablehlo.serialize_portable_artifact_str(plain(text), VERSION), variables, updates)


def plain(text: str) -> str:
    """Return the program without what is not StableHLO: TensorFlow's attributes, and the copy behind each result."""
    text = re.sub(r"^(module @\S+) attributes {.*} {$", r"\1 {", text, count=1, flags=re.MULTILINE)
    text = re.sub(r"mhlo\.frontend_attributes = {[^}]*}(, )?", "", text)
    # XLA removes a reshape to the same shape.
    return re.sub(r"mhlo\.copy (%\S+) : (\S+)", r"stablehlo.reshape \1 : (\2) -> \2", text)
