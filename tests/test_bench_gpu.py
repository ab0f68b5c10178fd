"""The exported train step, run by JAX on the processor, and the table of its rows."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT
from replay_golden import Replay

from benchmarks.gpu import forms, made, prepare, rows, run
from benchmarks.gpu.steps import made_step, recorded_step

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason='JAX is not installed (pip install -e ".[gpu_bench]")'
)
GOLDEN = ROOT / "tests" / "golden" / "cond_28x28x1.npz"


def run_python(module: str, *arguments: object) -> None:
    """Run a module of benchmarks/gpu in a process of its own, in which TensorFlow cannot be imported."""
    code = f"import sys; sys.modules['tensorflow'] = None; from benchmarks.gpu import {module}; {module}.main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def checks(folder: Path) -> dict[str, dict]:
    """Check all steps of a folder by JAX, and return the row of each."""
    run_python("run_jax", *folder.glob("*.json"), "--rows", folder / "rows.jsonl", "--only_check")
    found = rows.read(folder / "rows.jsonl")
    assert [row for row in found if "error" in row] == []
    return {row["check"]: row for row in found if "check" in row}


@needs_jax
@pytest.mark.soak
def test_jax_computes_what_tensorflow_and_the_original_do(tmp_path: Path):
    prepare.export(recorded_step(GOLDEN), tmp_path)
    for network, precision in (("mnist", "tf32"), ("made64", "bfloat16"), ("small", "float32")):
        prepare.export(made_step(network, precision, 8, width=4), tmp_path)
    prepare.export(made_step("made64", "bfloat16", 8, width=4, variant="together"), tmp_path)
    quantities = {"golden_cond_28x28x1": 57, "mnist_tf32_8": 55, "made64_bfloat16_8": 70, "small_float32_8": 93}
    quantities["made64_bfloat16_8_together"] = 70  # the quantities of the step as it is
    found = checks(tmp_path)
    assert {name: row["quantities"] for name, row in found.items()} == quantities
    assert {name: row["failed"] for name, row in found.items()} == dict.fromkeys(quantities, {})
    # Two averages of the same shape, each of which gets the other's new value.
    file = tmp_path / "golden_cond_28x28x1.json"
    manifest = json.loads(file.read_text())
    first, second = ("generator/g_bn1/beta", "generator/g_bn1/gamma")
    updates = manifest["updates"]
    updates[first], updates[second] = (updates[second], updates[first])
    file.write_text(json.dumps(manifest))
    assert {f"after1/{first}", f"after1/{second}"} <= set(checks(tmp_path)["golden_cond_28x28x1"]["failed"])


@needs_jax
@pytest.mark.soak
def test_a_wrong_program_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    step = made_step("small", "float32", 8, width=4)
    values = prepare.expected_of(step)
    monkeypatch.setattr(prepare, "expected_of", lambda step: values)
    step.model.g_optimizer.beta1 = 0.9
    prepare.export(step, tmp_path)
    assert "change/g_adam/m/generator/g_h1/w" in checks(tmp_path)["small_float32_8"]["failed"]


@needs_jax
@pytest.mark.soak
def test_one_command_checks_and_times_and_ends(tmp_path: Path):
    step = made_step("mnist", "tf32", 8, width=4)
    step.name = "mnist_tf32_64"  # a name that the first part looks for
    prepare.export(step, tmp_path)
    together = made_step("mnist", "tf32", 8, width=4, variant="together")
    together.name = "mnist_tf32_64_together"
    prepare.export(together, tmp_path)
    run_python("run", "--steps", tmp_path, "--out", tmp_path / "variants", "--variants", "--limit", 300)
    text = (tmp_path / "variants" / "table.md").read_text()
    assert "| mnist_tf32_64_together |" in text and "| 0 of 55 |" in text
    assert '"left_out": "profile"' in text and '"left_out": "tensorflow_gemm"' in text
    run_python("run", "--steps", tmp_path, "--out", tmp_path / "out", "--parts", "jax", "rest", "--limit", 300)
    found = rows.read(tmp_path / "out" / "rows.jsonl")
    assert [row for row in found if "error" in row] == []
    (time,) = (row for row in found if "time" in row)
    assert time["images_per_second"] == pytest.approx(8000 / time["ms"], rel=0.01)
    text = (tmp_path / "out" / "table.md").read_text()
    assert f"| mnist_tf32_64 | {time['ms']:.2f} |" in text
    assert "| 0 of 55 |" in text and '"left_out": "rest"' in text


@pytest.mark.parametrize("form", forms.FORMS)
@pytest.mark.parametrize("transposed", [False, True])
def test_each_form_has_equal_values_and_gradients(form: str, transposed: bool):
    random = np.random.default_rng(0)
    maps = [(3, 4, 7, 6), (3, 8, 14, 5)]
    if not transposed:
        maps.reverse()
    x, gradient, w = (tf.constant(random.normal(size=shape)) for shape in (*maps, (5, 5, 5, 6)))

    def computed(function: Callable) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch((x, w))
            y = function(x, w)
        return [y, *tape.gradient(y, (x, w), gradient)]

    direct = computed(forms.FORMS["direct"][transposed])
    for value, expected in zip(computed(forms.FORMS[form][transposed]), direct, strict=True):
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("together", "cond_28x28x1"),
        pytest.param("padded", "cond_28x28x1", marks=pytest.mark.slow),
        pytest.param("together", "uncond_64x64x3", marks=pytest.mark.slow),
        pytest.param("together", "uncond_45x30x1", marks=pytest.mark.slow),
    ],
)
def test_variants_hold_against_the_recordings(variant: str, name: str):
    replay = Replay(GOLDEN.with_stem(name))
    forms.use(replay.model, variant)
    checks = list(replay.checks())
    assert len(checks) > 120
    assert [check for check in checks if not check.passed] == []


@needs_jax
def test_kernels_counted_by_hand():
    program = """
%fused (param_0: f32[2,3]) -> f32[2,5] {
  ROOT %pad.1 = f32[2,5]{1,0} pad(%param_0, %zero), padding=0_0x1_1
}

ENTRY %main (x.1: f32[2,3]) -> f32[2,5] {
  %x.1 = f32[2,3]{1,0} parameter(0)
  %loop_pad_fusion = f32[2,5]{1,0} fusion(%x.1), kind=kLoop, calls=%fused
  %conv = (f32[2,5]{1,0}, u8[8]{0}) custom-call(%loop_pad_fusion, %x.1), custom_call_target="__cudnn$convForward"
  ROOT %copy.1 = f32[2,5]{0,1} copy(%loop_pad_fusion)
}
"""
    code = f"from benchmarks.gpu.compile_h200 import counted; print(dict(counted({program!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    counts = ast.literal_eval(done.stdout)
    assert counts.pop("MB") == pytest.approx((24 + 40 + 40 + 24 + 48 + 40 + 40) / 1e6)
    assert counts == {"kernels": 3, "convolutions": 1, "products": 0, "pads": 1}


def test_made_up_numbers_do_not_change():
    """Another machine makes the same ones."""
    entry = {"name": "generator/g_h1/w", "shape": [2, 2], "dtype": "float32", "low": -1, "high": 1}
    images = {"name": "images", "shape": [3], "dtype": "uint8", "below": 256}
    assert made.checksum([made.array(entry), made.array(images, 1)]) == 2202715974
    kernel = made_step("mnist", "float32", 8, width=4).first()["generator/g_h2/w"]
    assert kernel.std() == pytest.approx(0.02, rel=0.05) and abs(kernel).max() <= 3**0.5 * 0.02


def test_differences_by_hand():
    expected = np.array([1.0, -2.0, 4.0])
    value = np.array([1.0, -2.5, 4.1])
    assert made.difference({"measure": "absolute"}, value, expected) == 0.5
    assert made.difference({"measure": "absolute", "left_out": 1}, value, expected) == pytest.approx(0.1)
    assert made.difference({"measure": "relative"}, value, expected) == 0.25
    assert made.difference({"measure": "vector"}, value, expected) == pytest.approx((0.26 / 21) ** 0.5)


def test_the_table_of_rows(tmp_path: Path):
    file = tmp_path / "rows.jsonl"
    said = {"name": "mnist_tf32_64", "images_per_second": 32000.0, "mode": "ten"}
    for program, ms in (("jax", 2.0), ("torch eager", 16.0), ("torch graph", 2.5)):
        rows.add(file, {"time": program, "ms": ms, **said})
    rows.add(file, {"check": "mnist_tf32_64", "quantities": 102, "failed": {"loss/d_loss": 0.5}})
    with file.open("a") as stream:
        stream.write('{"check": "cut o')
    lines = rows.table(rows.read(file)).splitlines()
    assert lines[2] == "| mnist_tf32_64 | 2.00 |  | 16.00 |  | 2.50 |  | 32,000 | 1.25 | 1 of 102 |"
    assert any("loss/d_loss" in line for line in lines[3:])


def test_a_part_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mnist_tf32_64.json").write_text("{}")
    part = run.Part("hangs", "run_jax", 0.5, ["mnist_*"])
    monkeypatch.setattr(run, "command_of", lambda *arguments: ["sleep", "60"])
    monkeypatch.setattr(run, "FEWEST_SECONDS", 0)
    run.run(part, tmp_path, tmp_path / "rows.jsonl", left=0.4)
    assert rows.read(tmp_path / "rows.jsonl") == [{"error": "killed after 0 s", "name": "hangs"}]


def test_the_plan_covers_what_is_measured():
    """Every step that a part of the measurement names is exported, and every exported one is measured."""
    names = prepare.chosen("")
    patterns = [pattern for part in (*run.PARTS, *run.STAGES) for pattern in part.steps]
    assert [pattern for pattern in patterns if not any(Path(name).match(pattern) for name in names)] == []
    assert [name for name in names if not any(Path(name).match(pattern) for pattern in patterns)] == []
