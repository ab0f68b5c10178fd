"""Errors while something is written that is not worth losing the rest of the work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dcgan_tf.system.errors import reason
from dcgan_tf.system.messages import warn


@contextlib.contextmanager
def warn_on_write_error(what: str) -> Iterator[None]:
    """If the block cannot write, warn and go on: a sheet or a curve is not worth the work of hours."""
    import tensorflow as tf

    try:
        yield
    except BrokenPipeError:  # a message could not be written, because nobody reads it any more
        raise
    except (OSError, tf.errors.OpError) as error:
        warn(f"{what} could not be written ({reason(error)}); the program goes on.")
