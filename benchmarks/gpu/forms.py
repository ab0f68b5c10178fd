"""Variants of the train step: its convolutions in other forms, with equal values and gradients, and D's passes as one.

A convolution has a 5x5 kernel, stride 2 and SAME, which pads by 1 in front and by 2 behind: x [B, 2h, 2w, C] by
w [5, 5, C, F] gives [B, h, w, F]. A transposed one: x [B, h, w, C] by w [5, 5, F, C] gives [B, 2h, 2w, F].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import tensorflow as tf

from dcgan_tf import layers
from dcgan_tf.model import DCGAN

Tensor = tf.Tensor
HEIGHTS = (4, 7, 8, 14, 16, 32)  # of a convolution's smaller map; MNIST has 7 and 14
GEMM = dict.fromkeys((4, 7, 14, 32), "gemm")  # 4x4 <-> 8x8, the layer of 3 channels, and all of MNIST
BLOCKS = dict.fromkeys((8, 16), "blocks")
# Each height's form, a name in FORMS (others are direct); whether D sees its update's two batches as one.
VARIANTS = {
    "gemm": (GEMM, False),
    "joined": ({}, True),
    "padded": (dict.fromkeys((7, 14, 32), "padded"), False),  # elsewhere it changes nothing
    "blocks": (BLOCKS, False),
    "together": (GEMM | BLOCKS, True),
    **{f"{form}{height}": ({height: form}, False) for form in ("gemm", "blocks") for height in HEIGHTS},
}


def use(model: DCGAN, name: str) -> None:
    """Let a model that is not traced yet train by a variant."""
    forms, joined = VARIANTS[name]
    for layer in (*model.generator.layers, *model.discriminator.layers):
        if isinstance(layer, (layers.Conv, layers.Deconv)):
            layer.call = partial(call, layer, layer.call, forms)
    if joined:
        join(model)


def call(layer: layers.Weighted, direct: Callable, forms: dict[int, str], x: Tensor) -> Tensor:
    """Return what a layer returns, in the form for its height; odd sizes are direct."""
    transposed = isinstance(layer, layers.Deconv)
    height, width = x.shape[1:3]
    if transposed:
        height, width = layer.size[:2]
    form = forms.get(height // 2, "direct")
    if form == "direct" or height % 2 or width % 2:
        return direct(x)
    return tf.nn.bias_add(FORMS[form][transposed](x, tf.convert_to_tensor(layer.kernel)), layer.bias)


def deconv(x: Tensor, w: Tensor) -> Tensor:
    batch, height, width, _ = x.shape
    return tf.nn.conv2d_transpose(x, w, (batch, 2 * height, 2 * width, w.shape[2]), 2, "SAME")


def down(image: Tensor, w: Tensor) -> Tensor:
    """Return the convolution of an image as one product of its patches."""
    batch, height, width, _ = image.shape
    return tf.reshape(patches(image) @ tf.reshape(w, [-1, w.shape[3]]), [batch, height // 2, width // 2, w.shape[3]])


def up(x: Tensor, w: Tensor) -> Tensor:
    """Return the transposed convolution: one product gives what each pixel of x adds to the 5x5 around it."""
    batch, height, width, channels = x.shape
    y = tf.matmul(tf.reshape(x, [-1, channels]), tf.reshape(w, [-1, channels]), transpose_b=True)
    return folded(y, (batch, 2 * height, 2 * width, w.shape[2]))


def of_kernel(image: Tensor, x: Tensor) -> Tensor:
    """Return the kernel's gradient from the larger and the smaller map, of which one is a gradient."""
    y = tf.matmul(patches(image), tf.reshape(x, [-1, x.shape[3]]), transpose_a=True)
    return tf.reshape(y, [5, 5, image.shape[3], x.shape[3]])


# Of their own gradients, XLA would write each of the 25 parts to memory.
conv_gemm = tf.custom_gradient(lambda x, w: (down(x, w), lambda y: (up(y, w), of_kernel(x, y))))
deconv_gemm = tf.custom_gradient(lambda x, w: (up(x, w), lambda y: (down(y, w), of_kernel(y, x))))


def patches(x: Tensor) -> Tensor:
    """Return the 5x5 patches of x [B, 2h, 2w, C]: [B * h * w, 25 * C]."""
    height, width, channels = x.shape[1:]
    x = tf.pad(x, [[0, 0], [1, 2], [1, 2], [0, 0]])
    taps = [x[:, i : i + height : 2, j : j + width : 2] for i in range(5) for j in range(5)]
    return tf.reshape(tf.concat(taps, 3), [-1, 25 * channels])


def folded(y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the sum of patches [B * h * w, 25 * C] in an image of this shape [B, 2h, 2w, C], in float32 at least.

    Row 2q + r is the sum over TAPS[r] of the patches' row, of the patch in row q + offset.
    """
    batch, height, width, channels = (shape[0], shape[1] // 2, shape[2] // 2, shape[3])
    wide = y
    if y.dtype == tf.bfloat16:
        wide = tf.cast(y, tf.float32)
    wide = tf.reshape(wide, [batch, height, width, 5, 5, channels])
    wide = tf.pad(wide, [[0, 0], [1, 1], [1, 1], [0, 0], [0, 0], [0, 0]])

    def phase(r: int, s: int) -> Tensor:
        taps = itertools.product(TAPS[r], TAPS[s])
        return tf.add_n([wide[:, 1 + o : 1 + o + height, 1 + p : 1 + p + width, k, n] for (k, o), (n, p) in taps])

    rows = [tf.stack([phase(r, 0), phase(r, 1)], 3) for r in (0, 1)]  # [B, h, w, 2, C]
    return tf.cast(tf.reshape(tf.stack(rows, 2), shape), y.dtype)


TAPS = {0: [(1, 0), (3, -1)], 1: [(0, 1), (2, 0), (4, -1)]}  # (row of the patch, offset)


def conv_blocks(x: Tensor, w: Tensor) -> Tensor:
    """Blocks of 2x2 pixels become channels; a 3x3 convolution of stride 1 remains."""
    channels, filters = w.shape[2:]
    w = tf.reshape(tf.pad(w, [[0, 1], [0, 1], [0, 0], [0, 0]]), [3, 2, 3, 2, channels, filters])
    w = tf.reshape(tf.transpose(w, [0, 2, 1, 3, 4, 5]), [3, 3, 4 * channels, filters])
    return tf.nn.conv2d(tf.nn.space_to_depth(tf.pad(x, [[0, 0], [1, 3], [1, 3], [0, 0]]), 2), w, 1, "VALID")


def deconv_blocks(x: Tensor, w: Tensor) -> Tensor:
    """A 3x3 convolution of stride 1, whose channels become blocks of 2x2 pixels."""
    filters, channels = w.shape[2:]
    w = tf.reshape(tf.pad(w, [[1, 0], [1, 0], [0, 0], [0, 0]]), [3, 2, 3, 2, filters, channels])
    w = tf.transpose(w[::-1, :, ::-1], [0, 2, 5, 1, 3, 4])
    return tf.nn.depth_to_space(tf.nn.conv2d(x, tf.reshape(w, [3, 3, channels, 4 * filters]), 1, "SAME"), 2)


def padded(direct: Callable, x: Tensor, w: Tensor) -> Tensor:
    """Channels of zeros make each number of channels a multiple of 8."""
    inputs, first, second = (-size % 8 for size in (x.shape[3], *w.shape[2:]))
    y = direct(tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, inputs]]), tf.pad(w, [[0, 0], [0, 0], [0, first], [0, second]]))
    return y[..., : sum(w.shape[2:]) - x.shape[3]]


conv = partial(tf.nn.conv2d, strides=2, padding="SAME")
FORMS = {  # of a convolution, and of a transposed one
    "direct": (conv, deconv),
    "gemm": (conv_gemm, deconv_gemm),
    "blocks": (conv_blocks, deconv_blocks),
    "padded": (partial(padded, conv), partial(padded, deconv)),
}


def join(model: DCGAN) -> None:
    """Let D see real and generated images of its update as one batch, each half with its own statistics."""
    update, discriminate = (model.update_d, model.discriminate)

    def update_d(images: Tensor, fake: Tensor, labels: Tensor, numbers: Iterator[None]) -> Any:
        logits = []  # those that the update has not taken

        def joined(*_: Any) -> Tensor:
            if not logits:
                both = tf.concat([images, tf.cast(tf.stop_gradient(fake), images.dtype)], 0)
                logits.extend(tf.split(discriminate(both, tf.tile(labels, [2, 1]), None), 2))
            return logits.pop(0)

        model.discriminate = joined
        result = update(images, fake, labels, numbers)
        model.discriminate = discriminate
        return result

    model.update_d = update_d
    for norm in model.discriminator.layers:
        if isinstance(norm, layers.BatchNorm):
            norm.normalize = partial(by_halves, norm.normalize, 2 * model.config.batch_size)


def by_halves(whole: Callable, size: int, x: Tensor, *options: Any) -> Tensor:
    """Normalize a batch of this size by each half's statistics, and move the averages by both in turn."""
    if x.shape[0] != size:
        return whole(x, *options)
    return tf.concat([whole(half, *options) for half in tf.split(x, 2)], 0)
