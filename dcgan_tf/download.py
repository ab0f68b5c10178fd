"""python -m dcgan_tf.download: fetch data sets. The work is done in data/download.py."""

from __future__ import annotations

from dcgan_tf.data.download import run

if __name__ == "__main__":
    run()
