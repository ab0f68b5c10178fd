"""python -m dcgan_tf.bench: train_step.py and, with --pipeline, pipeline.py."""

from __future__ import annotations

from dcgan_tf.bench.train_step import run_main

if __name__ == "__main__":
    run_main()
