"""Models for other programs: SavedModel, .keras, .tflite and the frozen graph (the original's export_graph)."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dcgan_tf.checkpoint import load_discriminator, load_generator
from dcgan_tf.config import Config
from dcgan_tf.files import atomic_folder
from dcgan_tf.runs import Run


def inference_model(network: keras.Model, config: Config) -> keras.Model:
    """A trained network as one Keras model in inference mode, for any batch size, with pictures in [0, 1].

    The generator: z [B, Z] (and one-hot y [B, Y]) -> images [B, H, W, C] in [0, 1].
    The discriminator: images [B, H, W, C] in [0, 1] (and y) -> logits [B, 1]; their sigmoid is the probability "real".
    """
    y = [keras.Input([config.y_dim], name="y")] if config.has_labels else []
    if network.name == "generator":
        x = keras.Input([config.z_dim], name="z")
        out = network(x, *y, training=False)
        out = out if config.has_labels else keras.layers.Rescaling(0.5, 0.5, name="to_0_1")(out)
    else:
        x = keras.Input([config.output_height, config.output_width, config.c_dim], name="images")
        scaled = x if config.has_labels else keras.layers.Rescaling(2.0, -1.0, name="from_0_1")(x)
        out = network(scaled, *y, training=False)
    return keras.Model([x, *y], out, name=f"dcgan_{network.name}")


def serving_function(model: keras.Model, batch: int | None = None) -> tf.types.experimental.ConcreteFunction:
    """The model as one graph, for any batch or one size of it: inputs by their names; one output, images or logits."""
    output = "images" if model.name.endswith("generator") else "logits"
    signature = [tf.TensorSpec([batch, *x.shape[1:]], tf.float32, name=x.name) for x in model.inputs]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: model(list(inputs), training=False)}

    return serve.get_concrete_function()


def export(run: Run, config: Config) -> None:
    """Write export/ beside the run's checkpoint: both networks as SavedModel and .keras, the generator as .tflite."""
    networks = load_generator(run, config)[0], load_discriminator(run, config)[0]
    models = [inference_model(network, config) for network in networks]
    with atomic_folder(run.checkpoints / "export") as folder:
        for network, model in zip(networks, models, strict=True):
            model.save(folder / f"{network.name}.keras")
            served = tf.Module()
            served.weights = [variable.value for variable in model.variables]
            tf.saved_model.save(served, str(folder / network.name), signatures=serving_function(model))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "generator"))
        (folder / "generator.tflite").write_bytes(converter.convert())
    for path in sorted((run.checkpoints / "export").iterdir()):
        print(f"Wrote {path}")


def freeze(run: Run, config: Config) -> None:
    """Write frozen/generator.pb beside the run's checkpoint, and print the names of its tensors."""
    frozen = convert_variables_to_constants_v2(
        serving_function(inference_model(load_generator(run, config)[0], config))
    )
    with atomic_folder(run.checkpoints / "frozen") as folder:
        tf.io.write_graph(frozen.graph, str(folder), "generator.pb", as_text=False)
    print(f"Wrote {run.checkpoints / 'frozen' / 'generator.pb'}")
    for kind, tensors in (("Input: ", frozen.inputs), ("Output:", frozen.outputs)):
        for tensor in tensors:
            print(f"{kind} {tensor.name} {tensor.shape}")
