"""Exported models, used by a program that does not import this package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, images_of, main_here

from dcgan_tf import latents
from dcgan_tf.runs.run import Runs
from dcgan_tf.runs.weights import of_run

# The program. Arguments: the folder with the run's checkpoints, the file of inputs, the file of outputs.
READER = """
import sys, numpy as np, tensorflow as tf
folder, inputs, outputs = sys.argv[1:]
inputs = dict(np.load(inputs))
images, out = inputs.pop("images"), {}
feeds = {name: tf.constant(value) for name, value in inputs.items()}
y = {"y": feeds["y"]} if "y" in feeds else {}

generate = tf.saved_model.load(f"{folder}/export/generator").signatures["serving_default"]
discriminate = tf.saved_model.load(f"{folder}/export/discriminator").signatures["serving_default"]
out["saved_model"] = generate(**feeds)["images"]
out["one"] = generate(**{name: value[:1] for name, value in feeds.items()})["images"]
out["logits"] = discriminate(images=tf.constant(images), **y)["logits"]

graph = tf.compat.v1.GraphDef.FromString(open(f"{folder}/frozen/generator.pb", "rb").read())
names = [f"{name}:0" for name in feeds]
frozen = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
out["frozen"] = frozen.prune(names, "Identity:0")(*feeds.values())

lite = tf.lite.Interpreter(f"{folder}/export/generator.tflite")
for detail in lite.get_input_details():
    name = detail["name"].removeprefix("serving_default_").split(":")[0]
    lite.resize_tensor_input(detail["index"], inputs[name].shape)
lite.allocate_tensors()
for detail in lite.get_input_details():
    lite.set_tensor(detail["index"], inputs[detail["name"].removeprefix("serving_default_").split(":")[0]])
lite.invoke()
out["tflite"] = lite.get_tensor(lite.get_output_details()[0]["index"])
assert not any(name.startswith("dcgan_tf") for name in sys.modules)

sys.path.append("{root}")
import keras, dcgan_tf.networks
generator = keras.saving.load_model(f"{folder}/export/generator.keras")
discriminator = keras.saving.load_model(f"{folder}/export/discriminator.keras")
out["keras"] = generator.predict(list(inputs.values()), verbose=0)
out["keras_logits"] = discriminator([tf.constant(images), *y.values()])
np.savez(outputs, **{name: np.asarray(value) for name, value in out.items()})
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
@pytest.mark.parametrize("kind", [pytest.param("mnist", marks=pytest.mark.slow), "classes"])
def test_exported_models_return_the_same_images(kind: str, request: pytest.FixtureRequest, tmp_path: Path, capsys):
    out_dir = request.getfixturevalue(f"{kind}_run")
    main_here(f"--out_name={kind}-small", "--export", out_dir=out_dir)
    main_here(f"--out_name={kind}-small", "--freeze", out_dir=out_dir)
    run = Runs(str(out_dir)).named(f"{kind}-small")
    out = capsys.readouterr().out
    for name in ("generator", "generator.keras", "generator.tflite", "discriminator", "discriminator.keras"):
        assert f"Wrote {run.folder / 'export' / name}\n" in out
    assert "Output: Identity:0 (None, " in out
    assert not list(run.folder.glob(".*export*"))
    (run.folder / "export" / "notes.md").write_text("mine")
    main_here(f"--out_name={kind}-small", "--export", out_dir=out_dir)
    assert (run.folder / "export" / "notes.md").read_text() == "mine" and len(list(run.folder.glob("export/*"))) == 6

    config = run.config()
    inputs = {"z": latents.z_from_seeds(range(5), config.z_dim, config.z_dist)}
    if config.has_labels:
        inputs["y"] = np.eye(config.y_dim, dtype=np.float32)[np.array([0, 3, 9, 9, 1]) % config.y_dim]
    weights = of_run(run)
    generator = weights.generator()
    discriminator = weights.discriminator()
    raw = generator(*inputs.values(), training=False)
    low, high = config.value_range
    images = (raw.numpy() - low) / (high - low)
    logits = discriminator(raw, *list(inputs.values())[1:], training=False).numpy()
    np.savez(tmp_path / "inputs.npz", images=images, **inputs)
    reader = READER.replace("{root}", str(ROOT))
    command = [sys.executable, "-I", "-c", reader, run.folder, tmp_path / "inputs.npz", tmp_path / "outputs.npz"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    outputs = np.load(tmp_path / "outputs.npz")
    assert images.std() > 0.01 and 0 <= images.min() < images.max() <= 1
    for name in ("saved_model", "frozen", "keras", "tflite"):
        assert outputs[name].dtype == np.float32
        np.testing.assert_allclose(outputs[name], images, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(outputs["one"], images[:1], atol=1e-5)
    for name in ("logits", "keras_logits"):
        np.testing.assert_allclose(outputs[name], logits, atol=1e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # from Keras, when it saves
def test_onnx_returns_the_same_images(classes_run: Path, tmp_path: Path):
    if not (importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime")):
        pytest.skip('pip install -e ".[onnx]" is missing')
    import onnxruntime

    main_here("--out_name=classes-small", "--export", out_dir=classes_run)
    folder = classes_run / "checkpoints" / "classes-small" / "export" / "generator"
    convert = [
        sys.executable,
        "-m",
        "tf2onnx.convert",
        "--saved-model",
        folder,
        "--output",
        tmp_path / "generator.onnx",
    ]
    done = subprocess.run(list(map(str, convert)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    z, labels = latents.z_from_seeds(range(5), 100, "uniform_signed"), [0, 1, 1, 0, 1]
    generate = onnxruntime.InferenceSession(tmp_path / "generator.onnx")
    (images,) = generate.run(["images"], {"z": z, "y": np.eye(2, dtype=np.float32)[labels]})
    np.testing.assert_allclose(255 * images, images_of(classes_run, "classes-small", z, labels), atol=0.501)
