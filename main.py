"""The original's command line, python main.py --dataset mnist --train. The program itself is dcgan_tf/cli."""

from dcgan_tf.cli.program import run

if __name__ == "__main__":
    run()
