"""What the pixels of a prepared image depend on, besides the image itself."""

from __future__ import annotations

from dataclasses import dataclass

from dcgan_tf.settings.config import Config

DEFAULT_SIZE = 64  # pixels, as in the original
DEFAULT_CROP = 108


@dataclass(frozen=True)
class ImageSpec:
    """How images are prepared. The cache's key is made from all fields, so a new one needs no other change there."""

    height: int  # of the prepared image
    width: int
    channels: int | None = None  # 1 is gray, 3 is RGB; None: 1 if all images are gray, else 3
    crop: tuple[int, int] | None = None  # (height, width) of the centre that is cut out first; None: the whole image
    fit: str = "stretch"  # how an image of another shape fits, a value of --fit

    @classmethod
    def of(cls, config: Config, own_size: tuple[int, int] | None = None, own_channels: int | None = None) -> ImageSpec:
        """Return the spec that the settings ask for. What they leave open is the data set's own, else the default.

        Args:
          own_size: (height, width) of the data set's images, if all have one size.
          own_channels: the data set's channels, if they are known before the images are decoded.
        """
        height, width = _size(config.output_height, config.output_width, own_size, DEFAULT_SIZE)
        crop = None
        if config.crop:
            crop = _size(config.input_height, config.input_width, own_size, DEFAULT_CROP)
        return cls(height, width, config.c_dim or own_channels, crop, config.fit)


def _size(height: int | None, width: int | None, own: tuple[int, int] | None, default: int) -> tuple[int, int]:
    """Return (height, width) in pixels: as given, else the data set's own, else the default.

    A width that is not given is the given height.
    """
    if height:
        return height, width or height
    own_height, own_width = own or (default, default)
    return own_height, width or own_width
