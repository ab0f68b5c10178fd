"""How long a training is."""

from __future__ import annotations

from dcgan_tf.settings.config import Config


class Schedule:
    """The iterations of a training.

    Attributes:
      per_epoch: the whole batches in an epoch.
      total: the last iteration.
      lr_decay: the first and the last iteration of the epochs in lr_decay_epochs, at most all; None if there are none.
    """

    def __init__(self, config: Config, image_count: int):
        self.per_epoch = int(min(image_count, config.train_size)) // config.batch_size
        self.total = config.iterations or config.epoch * self.per_epoch
        self.lr_decay = None
        if config.lr_decay_epochs:
            first = max(0, self.total - config.lr_decay_epochs * self.per_epoch) + 1
            self.lr_decay = (first, self.total)
