"""Programs that measure. Most of them run by their path: python benchmarks/train_step.py."""
