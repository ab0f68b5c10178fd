"""python -m dcgan_tf.pretrained; the code is in make.py."""

from __future__ import annotations

import sys

from dcgan_tf.errors import UserError
from dcgan_tf.startup import start_tensorflow

if __name__ == "__main__":
    start_tensorflow()
    from dcgan_tf.pretrained import make  # after start_tensorflow, which hides TensorFlow's messages

    try:
        make.main(sys.argv[1:])
    except UserError as error:
        raise SystemExit(f"Error: {error}") from None
