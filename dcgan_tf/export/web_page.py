"""The run in a browser (the original's to_json and web demo): a folder that any web server can serve."""

from __future__ import annotations

import base64
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dcgan_tf.export.models import inference_model, serving_function
from dcgan_tf.latents import UNIFORM
from dcgan_tf.runs.select import Selection
from dcgan_tf.system.errors import UserError, typed
from dcgan_tf.system.files import replaced_content
from dcgan_tf.system.messages import say

ASSETS = Path(__file__).parent / "web"
FILES = ("style.css", "latents.js", "app.js", "index.html")  # of ASSETS, which the page consists of


def write_page(selection: Selection, *, web_float16: bool, web_dir: str) -> None:
    """Write the page, generator.tflite, and model.json, which describes the generator, to web/<run> or `web_dir`.

    LiteRT.js, which the page loads from its CDN, runs the generator. web/<run> also gets the whole page as one file,
    page.html, for which no server is needed.

    Args:
      web_float16: whether to store the weights as float16, in half the bytes.
      web_dir: where to write a page to publish; blank: web/<run>.
    Raises: UserError, also if the folder has an index.html of another page; its other files stay.
    """
    run = selection.run
    target = run.out_dir / "web" / run.name
    if web_dir:
        target = Path(web_dir).resolve()
    if (target / "index.html").exists() and not (target / "model.json").exists():
        raise UserError(f"{target} has an index.html of another page; name another folder with --web_dir.")
    say(f"Generator: {selection.weights.origin().path}")
    package = json.loads((ASSETS / "package.json").read_bytes())
    version = package["dependencies"]["@litertjs/core"]
    tflite = to_tflite(inference_model(selection.weights.generator(), selection.config), web_float16)
    description = describe(selection, web_float16) | {"bytes": len(tflite), "litert": version}
    with replaced_content(target) as page:
        for name in FILES:
            text = (ASSETS / name).read_text(encoding="utf-8")
            (page / name).write_text(text.replace("LITERT_VERSION", version), encoding="utf-8")
        (page / "generator.tflite").write_bytes(tflite)
        (page / "model.json").write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
        if not web_dir:
            (page / "page.html").write_text(one_file(page), encoding="utf-8")
    say(f"Wrote {target}\nThe page loads LiteRT.js {version} from its CDN.")
    if not web_dir:
        say(f"Open {target / 'page.html'} in a browser: it needs a network, but no server.")
    serve = f"python -m http.server --directory {typed(target)} 8000"
    say(f"To serve the page, run: {serve}\nThen open http://localhost:8000 in a browser.")


def one_file(page: Path) -> str:
    """Return index.html with what it loads in it, because browsers load nothing from the folder of a local file."""
    style, latents, app, html = ((page / name).read_text(encoding="utf-8") for name in FILES)
    data = ("model.json", "generator.tflite")
    embedded = json.dumps({name: base64.b64encode((page / name).read_bytes()).decode() for name in data})
    code = latents.replace("export ", "") + re.sub('import .* from "./latents.js";', "", app)
    style = f"<style>\n{style}</style>\n<script>self.EMBEDDED = {embedded}</script>"
    html = html.replace('<link rel="stylesheet" href="style.css">', style)
    return html.replace(' src="app.js">', f">\n{code}")


def describe(selection: Selection, float16: bool) -> dict[str, Any]:
    """Return what the page needs to know about the generator, for model.json."""
    config = selection.config
    about = selection.weights.about
    return {
        "run": selection.run.name,
        "dataset": Path(config.dataset).name,
        "data": ". ".join(about[key] for key in ("data", "licence") if key in about),
        "iteration": selection.weights.origin().iteration,
        "z_dim": config.z_dim,
        "z_dist": config.z_dist,
        "z_parameters": UNIFORM.get(config.z_dist, (0.0, 1.0)),
        "shape": config.image_shape,
        "class_names": config.class_names,
        "float16": float16,
    }


def to_tflite(model: keras.Model, float16: bool) -> bytes:
    """Return the model as a .tflite file for a batch of one, with fixed shapes; the inputs keep their names.

    Args:
      model: the generator from `inference_model`.
      float16: whether to store the weights as float16.
    Returns: the bytes of the file.
    """
    frozen = convert_variables_to_constants_v2(serving_function(model, batch=1))
    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        if node.op == "Relu":
            # The converter would fuse a Relu into an operation that WebGPU does not support.
            # A LeakyRelu of slope 0 is the same function.
            node.op = "LeakyRelu"
            node.attr["alpha"].f = 0.0
    signature = [tf.TensorSpec.from_tensor(tensor) for tensor in frozen.inputs]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        feeds = {tensor.name: x for tensor, x in zip(frozen.inputs, inputs, strict=True)}
        (images,) = tf.graph_util.import_graph_def(graph, feeds, [frozen.outputs[0].name])
        return {"images": images}

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(tf.Module(), folder, signatures=serve.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
