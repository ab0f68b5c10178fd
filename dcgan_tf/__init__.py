"""DCGAN in TensorFlow 2 and Keras: a faithful port of carpedm20/DCGAN-tensorflow."""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

# Before anything imports Keras: the user's own keras.json or KERAS_BACKEND must not choose another engine.
os.environ["KERAS_BACKEND"] = "tensorflow"
# Among several workers (TF_CONFIG) the loss of one is many lines of errors of TensorFlow's, and one sentence of ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if "TF_CONFIG" in os.environ else "2")
# TensorFlow uses oneDNN's convolutions on some processors only; they are faster on others, too (docs/notes/speed.md).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from dcgan_tf.api import load, read, train
from dcgan_tf.settings.config import Config
from dcgan_tf.system import VERSION
from dcgan_tf.system.errors import StopTraining, UserError
from dcgan_tf.system.messages import DcganWarning
from dcgan_tf.system.startup import start_tensorflow
from dcgan_tf.trained_run import TrainedRun

__version__ = VERSION

if "keras" in sys.modules:
    backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise UserError(
            f"Keras was imported before dcgan_tf, with the backend {backend}, but dcgan_tf needs TensorFlow; import"
            " dcgan_tf first, or set KERAS_BACKEND=tensorflow."
        )

__all__ = ["Config", "DcganWarning", "StopTraining", "TrainedRun", "UserError", "load", "read", "train"]
__all__ += ["losses", "networks"]  # imported when they are first used, because they need TensorFlow

if TYPE_CHECKING:
    from dcgan_tf import losses, networks
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        start_tensorflow()
        return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return __all__
