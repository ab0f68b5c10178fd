"""Entry point of python -m dcgan_tf.download; the code is in data/download.py."""

from __future__ import annotations

from dcgan_tf.data.download import run

if __name__ == "__main__":
    run()
