"""Too little memory, XLA that cannot compile, a full disk: errors that TensorFlow raises and a user can mend."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from dcgan_tf.system.errors import UserError, reason

MEMORY = re.compile(r"\bOOM\b|[Oo]ut of memory|[Ff]ailed to allocate")
# As of a GPU without the files of CUDA's compiler (libdevice), and of Apple's Metal (registered platform)
XLA = re.compile(r"\bXLA(?![a-z])|libdevice|registered platform")
DISK = re.compile("No space left|File too large|[Qq]uota exceeded|Read-only file system|Permission denied")


@contextlib.contextmanager
def device_errors(advice: str) -> Iterator[None]:
    """Turn these errors into UserErrors. Args: advice: what needs less memory, as "a smaller --batch_size"."""
    try:
        yield
    except Exception as error:
        of_tensorflow = type(error).__module__.startswith("tensorflow.")
        cause = reason(error)
        if of_tensorflow and DISK.search(cause):
            raise UserError(
                f"A file could not be written ({cause}); make room on its disk, or use a folder that can be written."
            ) from error
        if isinstance(error, MemoryError) or (of_tensorflow and MEMORY.search(cause)):
            raise UserError(f"There is too little memory ({cause}); give {advice}.") from error
        if of_tensorflow and XLA.search(cause):
            raise UserError(
                f"XLA cannot compile for this device ({cause}); give --xla off, which needs no XLA."
            ) from error
        raise
