"""DiffAugment (Zhao et al. 2020): change every image that the discriminator sees, real or generated, at random.

The discriminator then cannot learn a few images by heart. The generator does not learn the changes, because real
images have them, too; its gradients flow through them.
"""

from __future__ import annotations

import tensorflow as tf

from dcgan_tf.latents import random_key
from dcgan_tf.pixels import ValueRange

# For one image: brightness, saturation, contrast, shift (y, x), centre of the cutout (y, x). One more with p < 1.
RANDOM_NUMBERS = 7


def sample_augmentations(
    seed: int, iteration: tf.Tensor | int, batch_size: int, passes: int, p: float = 1
) -> tf.Tensor:
    """Draw the random numbers of one iteration, a pure function of the arguments.

    Args:
      passes: how many times the discriminator sees a batch in an iteration.
      p: probability with which an image is changed.
    Returns: float32 [batch_size, passes, 7, or 8 if p < 1] in [0, 1), the same on every machine.
    """
    counts = {1: RANDOM_NUMBERS}  # by the kind of their key
    if p < 1:
        counts[2] = 1
    numbers = []
    with tf.device("CPU:0"):
        for kind, count in counts.items():
            key = random_key(kind, seed, iteration)
            numbers.append(tf.random.stateless_uniform((batch_size, passes, count), key, alg="philox"))
        return tf.concat(numbers, axis=2)


def augment(
    images: tf.Tensor, numbers: tf.Tensor, kinds: tuple[str, ...], value_range: ValueRange, p: float = 1
) -> tf.Tensor:
    """Change each image by its own random numbers.

    Args:
      images: [B, H, W, C] in the value range.
      numbers: float32 [B, 7], or [B, 8] if p < 1, in [0, 1).
      kinds: any of color, translation and cutout; they are applied in this order.
      p: probability with which an image is changed; the others stay as they are (Karras et al. 2020 have it for each
        kind of change).
    Returns: float32 [B, H, W, C]; colours may leave the value range.
    """
    low, high = value_range
    centre = (low + high) / 2
    half = high - centre
    each = tf.unstack(numbers, axis=1)
    unchanged = tf.cast(images, tf.float32)
    images = (unchanged - centre) / half  # the paper's changes are for [-1, 1]
    if "color" in kinds:
        images = _change_color(images, *(number[:, None, None, None] for number in each[:3]))
    if "translation" in kinds:
        images = _translate(images, *each[3:5])
    if "cutout" in kinds:
        images = _cut_out(images, *each[5:7])
    images = images * half + centre
    if p < 1:
        images = tf.where(each[RANDOM_NUMBERS][:, None, None, None] < p, images, unchanged)
    return images


def _change_color(images: tf.Tensor, brightness: tf.Tensor, saturation: tf.Tensor, contrast: tf.Tensor) -> tf.Tensor:
    """Add -0.5 to 0.5, then multiply the saturation by 0 to 2, then the contrast by 0.5 to 1.5.

    All three at once, as each is a sum of multiples of the image, its gray values and its mean.
    """
    saturation *= 2
    contrast += 0.5
    gray = tf.reduce_mean(images, 3, keepdims=True)
    mean = tf.reduce_mean(gray, (1, 2, 3), keepdims=True)
    rest = contrast * (1 - saturation) * gray + (1 - contrast) * mean + (brightness - 0.5)
    return contrast * saturation * images + rest


def _translate(images: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Shift each image by up to an eighth of its height and width. The pixels that become free are 0."""
    # i and v are the row and column after the shift, j and w before it.
    rows = _shift_matrices(y, images.shape[1])
    columns = _shift_matrices(x, images.shape[2])
    return tf.einsum("bij,bjwc,bvw->bivc", rows, images, columns)


def _shift_matrices(number: tf.Tensor, size: int) -> tf.Tensor:
    """Return matrices [B, size, size] that shift by at most size / 8. XLA compiles a product better than a gather."""
    largest = round(size / 8)
    shift = tf.cast(number * (2 * largest + 1), tf.int32) - largest
    return tf.one_hot(tf.range(size) - shift[:, None], size)  # a row of zeros where the index is outside


def _cut_out(images: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Set a rectangle of half the height and width to 0; its centre can be anywhere in the image."""
    rows = _inside(y, images.shape[1])
    columns = _inside(x, images.shape[2])
    return images * (1 - rows[:, :, None, None] * columns[:, None, :, None])


def _inside(number: tf.Tensor, size: int) -> tf.Tensor:
    """Return 1 where an index from 0 to size - 1 is in the cutout, else 0: float32 [B, size]."""
    length = round(size / 2)
    centre = tf.cast(number * (size + 1), tf.int32)
    distance = tf.range(size) - centre[:, None] + length // 2
    return tf.cast((distance >= 0) & (distance < length), tf.float32)
