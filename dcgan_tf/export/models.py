"""Models for other programs: SavedModel, .keras, .tflite, and the frozen graph (the original's export_graph)."""

from __future__ import annotations

from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from dcgan_tf.runs.select import Selection
from dcgan_tf.settings.config import Config
from dcgan_tf.system.files import check_folder, replaced_content
from dcgan_tf.system.messages import say
from dcgan_tf.system.startup import keras_defaults


@keras_defaults()
def inference_model(network: keras.Model, config: Config) -> keras.Model:
    """Return a trained network as one Keras model in inference mode, for any batch size.

    Args:
      network: a generator or a discriminator.
      config: of its run.
    Returns:
      of the generator: z [B, Z] (and one-hot y [B, Y]) -> images [B, H, W, C] in [0, 1];
      of the discriminator: images [B, H, W, C] in [0, 1] (and y) -> logits [B, 1], whose sigmoid is the probability
      "real".
    """
    low, high = config.value_range
    y = []
    if config.has_labels:
        y = [keras.Input([config.y_dim], name="y")]
    if network.name == "generator":
        x = keras.Input([config.z_dim], name="z")
        images = network(x, *y, training=False)
        output = keras.layers.Rescaling(1 / (high - low), -low / (high - low), name="to_0_1")(images)
    else:
        x = keras.Input(config.image_shape, name="images")
        images = keras.layers.Rescaling(high - low, low, name="from_0_1")(x)
        output = network(images, *y, training=False)
    return keras.Model([x, *y], output, name=f"dcgan_{network.name}")


def serving_function(model: keras.Model, batch: int | None = None) -> tf.types.experimental.ConcreteFunction:
    """Return the model as one graph.

    Its inputs have the names of the model's inputs. It returns a dictionary with one entry: images or logits.

    Args:
      model: from `inference_model`.
      batch: the batch size; None for any.
    Returns: a function of float32 tensors, [batch, ...] each.
    """
    signature = [tf.TensorSpec([batch, *x.shape[1:]], tf.float32, name=x.name) for x in model.inputs]
    output = {"dcgan_generator": "images", "dcgan_discriminator": "logits"}[model.name]

    @tf.function(input_signature=signature, autograph=False)
    def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {output: model(list(inputs), training=False)}

    return serve.get_concrete_function()


def export(selection: Selection, to: str | Path = "") -> Path:
    """Write each network that there is as SavedModel and .keras, and the generator as .tflite.

    Args: to: the folder to write to (default: `export` next to the checkpoint).
    Returns: the folder. Raises: UserError.
    """
    networks = [selection.weights.generator()]
    if selection.weights.has_discriminator:
        networks.append(selection.weights.discriminator())
    target = Path(to or selection.run.folder / "export")
    check_folder(target)
    with replaced_content(target) as folder:
        for network in networks:
            model = inference_model(network, selection.config)
            model.save(folder / f"{network.name}.keras")
            # A SavedModel needs an object that holds the variables of its graph.
            module = tf.Module()
            module.weights = [variable.value for variable in model.variables]
            tf.saved_model.save(module, folder / network.name, signatures=serving_function(model))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "generator"))
        (folder / "generator.tflite").write_bytes(converter.convert())
        names = sorted(path.name for path in folder.iterdir())
    say("\n".join(f"Wrote {target / name}" for name in names))
    return target


def freeze(selection: Selection) -> None:
    """Write frozen/generator.pb next to the checkpoint, and name its input and output tensors.

    Raises: UserError.
    """
    model = inference_model(selection.weights.generator(), selection.config)
    frozen = convert_variables_to_constants_v2(serving_function(model))
    target = selection.run.folder / "frozen"
    with replaced_content(target) as folder:
        tf.io.write_graph(frozen.graph, str(folder), "generator.pb", as_text=False)
    say(f"Wrote {target / 'generator.pb'}")
    for tensor in frozen.inputs:
        say(f"Input:  {tensor.name} {tensor.shape}")
    for tensor in frozen.outputs:
        say(f"Output: {tensor.name} {tensor.shape}")
