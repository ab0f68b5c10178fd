"""Models for other programs: SavedModel, .keras, .tflite, and the frozen graph (the original's export_graph)."""

from __future__ import annotations

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dcgan_tf.pixels import ValueRange
from dcgan_tf.runs.checkpoint import load_discriminator, load_generator
from dcgan_tf.runs.run import Run
from dcgan_tf.settings.config import Config
from dcgan_tf.system.files import atomic_folder

EXPORT_RANGE = (0, 1)  # of the images that exported models take and return, for every run


def inference_model(network: keras.Model, config: Config) -> keras.Model:
    """Return a trained network as one Keras model in inference mode, for any batch size.

    The generator: z [B, Z] (and one-hot y [B, Y]) -> images [B, H, W, C] in [0, 1].
    The discriminator: images [B, H, W, C] in [0, 1] (and y) -> logits [B, 1]; their sigmoid is the probability "real".
    """
    y = [keras.Input([config.y_dim], name="y")] if config.has_labels else []
    if network.name == "generator":
        x = keras.Input([config.z_dim], name="z")
        output = rescale(network(x, *y, training=False), config.value_range, EXPORT_RANGE, "to_0_1")
    else:
        x = keras.Input([config.output_height, config.output_width, config.c_dim], name="images")
        images = rescale(x, EXPORT_RANGE, config.value_range, "from_0_1")
        output = network(images, *y, training=False)
    return keras.Model([x, *y], output, name=f"dcgan_{network.name}")


def rescale(images: keras.KerasTensor, old: ValueRange, new: ValueRange, name: str) -> keras.KerasTensor:
    """Map images from the old to the new value range with a layer of that name, if the ranges differ."""
    if old == new:
        return images
    scale = (new[1] - new[0]) / (old[1] - old[0])
    return keras.layers.Rescaling(scale, new[0] - scale * old[0], name=name)(images)


def serving_function(model: keras.Model, batch: int | None = None) -> tf.types.experimental.ConcreteFunction:
    """Return the model as one graph.

    Its inputs have the names of the model's inputs. It returns a dictionary with one entry: images or logits.

    Args:
      model: from `inference_model`.
      batch: the batch size; None for any.
    """
    output = "images" if model.name.endswith("generator") else "logits"
    signature = [tf.TensorSpec([batch, *x.shape[1:]], tf.float32, name=x.name) for x in model.inputs]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: model(list(inputs), training=False)}

    return serve.get_concrete_function()


def export(run: Run, config: Config) -> None:
    """Write the folder export next to the checkpoint: both networks as SavedModel and .keras, the generator as .tflite.

    Raises: UserError if the run has no checkpoint that can be read.
    """
    networks = load_generator(run, config)[0], load_discriminator(run, config)[0]
    models = [inference_model(network, config) for network in networks]
    with atomic_folder(run.checkpoints / "export") as folder:
        for network, model in zip(networks, models, strict=True):
            model.save(folder / f"{network.name}.keras")
            # A SavedModel needs an object that holds the variables of its graph.
            module = tf.Module()
            module.weights = [variable.value for variable in model.variables]
            tf.saved_model.save(module, str(folder / network.name), signatures=serving_function(model))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "generator"))
        (folder / "generator.tflite").write_bytes(converter.convert())
    for path in sorted((run.checkpoints / "export").iterdir()):
        print(f"Wrote {path}")


def freeze(run: Run, config: Config) -> None:
    """Write frozen/generator.pb next to the checkpoint, and print the names of its input and output tensors.

    Raises: UserError if the run has no checkpoint that can be read.
    """
    model = inference_model(load_generator(run, config)[0], config)
    frozen = convert_variables_to_constants_v2(serving_function(model))
    with atomic_folder(run.checkpoints / "frozen") as folder:
        tf.io.write_graph(frozen.graph, str(folder), "generator.pb", as_text=False)
    print(f"Wrote {run.checkpoints / 'frozen' / 'generator.pb'}")
    for tensor in frozen.inputs:
        print(f"Input:  {tensor.name} {tensor.shape}")
    for tensor in frozen.outputs:
        print(f"Output: {tensor.name} {tensor.shape}")
