"""python -m dcgan_tf: the program of main.py, also where there is no clone."""

from dcgan_tf.cli.program import run

if __name__ == "__main__":
    run()
