"""The run in a browser (the original's to_json, and the demo on its page): a folder that any web server can serve."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dcgan_tf.checkpoint import iteration_of, load_generator
from dcgan_tf.config import Z_DISTS, Config
from dcgan_tf.files import atomic_folder
from dcgan_tf.generation.export import inference_model, serving_function
from dcgan_tf.runs import Run

ASSETS = Path(__file__).parent / "web"
# What LiteRT.js loads, of all that npm installs: relaxed SIMD, and the same for browsers without it.
LITERT = ("core/dist/index.js", "core/wasm/litert_wasm_internal.*", "core/wasm/litert_wasm_compat_internal.*")
LITERT += ("wasm-utils/dist/index.js",)


def write_page(run: Run, config: Config, float16: bool) -> None:
    """Write web/<run>/: the page, the generator as generator.tflite, what the page knows of it as model.json.

    LiteRT.js, which runs the generator, is copied beside them if `npm install` in dcgan_tf/web has brought it;
    otherwise the page loads that version from its CDN.

    Args:
      float16: keep the weights as float16, in half the bytes.
    Raises: UserError if the run has no checkpoint that can be read.
    """
    generator, path = load_generator(run, config)
    print(f"Generator: {path}")
    version = json.loads((ASSETS / "package.json").read_text(encoding="utf-8"))["dependencies"]["@litertjs/core"]
    installed = _installed(version)
    model = inference_model(generator, config)
    target = run.logs.parents[1] / "web" / run.name
    with atomic_folder(target) as folder:
        for name in ("app.js", "latents.js", "style.css"):
            shutil.copyfile(ASSETS / name, folder / name)
        page = (ASSETS / "index.html").read_text(encoding="utf-8").replace("LITERT_VERSION", version)
        (folder / "index.html").write_text(page, encoding="utf-8")
        (folder / "generator.tflite").write_bytes(tflite(model, float16))
        described = describe(run, config, path, float16) | {"litert": {"version": version, "beside": installed}}
        (folder / "model.json").write_text(json.dumps(described, indent=1), encoding="utf-8")
        for file in [file for pattern in LITERT for file in sorted(_npm().glob(pattern))] if installed else []:
            copy = folder / "litert" / file.relative_to(_npm())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    print(f"Wrote {target}")
    if not installed:
        print(f"LiteRT.js {version} comes from its CDN; to have it in the folder: npm install in {ASSETS}, then again.")
    print(f'Serve it: python -m http.server --directory "{target}" 8000')
    print("Then open http://localhost:8000 in a browser.")


def describe(run: Run, config: Config, checkpoint: str, float16: bool) -> dict[str, Any]:
    """What the page has to know of the generator, for model.json."""
    return {
        "run": run.name,
        "iteration": iteration_of(checkpoint),
        "z_dim": config.z_dim,
        "z_dist": config.z_dist,
        "z_parameters": Z_DISTS[config.z_dist],
        "shape": [config.output_height, config.output_width, config.c_dim],
        "value_range": [0, 1],
        "class_names": config.class_names,
        "float16": float16,
    }


def tflite(model: keras.Model, float16: bool) -> bytes:
    """The model for one picture at a time, all shapes fixed, as the bytes of a .tflite; inputs by their names."""
    frozen = convert_variables_to_constants_v2(serving_function(model, batch=1))
    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        if (
            node.op == "Relu"
        ):  # the same function, but the converter would fuse a Relu in a way that WebGPU does not take
            node.op = "LeakyRelu"
            node.attr["alpha"].f = 0.0
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.op.name) for tensor in frozen.inputs]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        names = [tensor.name for tensor in frozen.inputs]
        feeds = dict(zip(names, inputs, strict=True))
        return {"images": tf.graph_util.import_graph_def(graph, feeds, [frozen.outputs[0].name])[0]}

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(tf.Module(), folder, signatures=serve.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _npm() -> Path:
    return ASSETS / "node_modules" / "@litertjs"


def _installed(version: str) -> bool:
    """Whether npm has installed just this version of LiteRT.js beside the page's own files."""
    package = _npm() / "core" / "package.json"
    return package.exists() and json.loads(package.read_text(encoding="utf-8"))["version"] == version
