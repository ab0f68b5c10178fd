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

from dcgan_tf.system import VERSION

__version__ = VERSION

if "keras" in sys.modules:
    backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        from dcgan_tf.system.errors import UserError

        raise UserError(
            f"Keras was imported before dcgan_tf, with the backend {backend}, but dcgan_tf needs TensorFlow; import"
            " dcgan_tf first, or set KERAS_BACKEND=tensorflow."
        )

__all__ = ["Config", "DcganWarning", "StopTraining", "TrainedRun", "UserError", "load", "read", "train"]
__all__ += ["losses", "networks"]

# All are imported when they are first used: the networks need TensorFlow, and python -m dcgan_tf must run without any
# package, to say which one is missing.
if TYPE_CHECKING:
    from dcgan_tf import losses, networks
    from dcgan_tf.api import Config, DcganWarning, StopTraining, TrainedRun, UserError, load, read, train
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        api = importlib.import_module("dcgan_tf.api")
        if name not in ("losses", "networks"):
            return getattr(api, name)
        api.start_tensorflow()
        return importlib.import_module(f"dcgan_tf.{name}")


def __dir__() -> list[str]:
    return __all__
