"""The original's command line, python main.py --dataset mnist --train. The program itself is dcgan_tf/cli."""

from dcgan_tf.__main__ import main

if __name__ == "__main__":
    main()
