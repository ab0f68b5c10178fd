"""Networks with the weights that were loaded once, whatever a training writes meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcgan_tf.runs.weights import Origin, Weights
from dcgan_tf.settings.config import Config

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Loaded(Weights):
    """Weights, and the networks that have them."""

    weights: Weights
    loaded_generator: keras.Model
    loaded_discriminator: keras.Model | None
    origin: Origin

    @classmethod
    def of(cls, weights: Weights, config: Config) -> Loaded:
        """Load the networks. Raises UserError."""
        generator, origin = weights.generator(config)
        discriminator = None
        if weights.has_discriminator:
            discriminator, _ = weights.at(origin).discriminator(config)
        return cls(weights, generator, discriminator, origin)

    @property
    def name(self) -> str:
        return self.weights.name

    @property
    def has_discriminator(self) -> bool:
        return self.loaded_discriminator is not None

    @property
    def has_average(self) -> bool:
        return self.weights.has_average

    @property
    def knows_data(self) -> bool:
        return self.weights.knows_data

    @property
    def kind(self) -> str:
        return self.weights.kind

    @property
    def about(self) -> Mapping[str, Any]:
        return self.weights.about

    def config(self, given: Mapping[str, Any]) -> Config:
        return self.weights.config(given)

    def load(self, *networks: keras.Model) -> Origin:
        return self.weights.at(self.origin).load(*networks)

    def generator(self, config: Config) -> tuple[keras.Model, Origin]:
        return self.loaded_generator, self.origin

    def discriminator(self, config: Config) -> tuple[keras.Model, Origin]:
        self.check_has_discriminator()
        assert self.loaded_discriminator is not None
        return self.loaded_discriminator, self.origin
