"""The compiled train step on a machine with a GPU that has JAX and PyTorch, but no TensorFlow. README.md says how."""
