"""How much arithmetic an iteration is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcgan_tf.model import DCGAN
    from dcgan_tf.settings.config import Config


def gigaflops(model: DCGAN, config: Config) -> float:
    """Return the number of multiplications and additions of one iteration in 10^9, without elementwise operations."""
    from dcgan_tf.layers import Conv, Deconv, Weighted  # here, because it imports TensorFlow

    total = 0
    # G runs forward twice and backward twice. D runs forward four times, backward twice, and twice only to its input.
    # A backward pass needs two products in each layer. The first layer of G, and that of D in D's update, need one.
    for network, products, saved in ((model.generator, 6, 2), (model.discriminator, 10, 2)):
        height, width = config.output_height, config.output_width
        layers = [layer for layer in network.layers if isinstance(layer, Weighted)]
        for number, layer in enumerate(layers):
            places = 1
            if isinstance(layer, Deconv):  # a transposed convolution: one product for each pixel of its input
                places = -(-layer.size[0] // 2) * -(-layer.size[1] // 2)
            elif isinstance(layer, Conv):
                height, width = -(-height // 2), -(-width // 2)
                places = height * width
            total += (products - saved * (number == 0)) * places * layer.kernel.shape.num_elements()
    return 2 * config.batch_size * total / 1e9
