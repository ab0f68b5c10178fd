"""The original's command line, python main.py --dataset mnist --train. The program itself is dcgan_tf/cli."""

if __name__ == "__main__":
    try:
        from dcgan_tf.cli.program import run

        run()
    except ModuleNotFoundError as error:
        advice = "activate its environment (. .venv/bin/activate), or install the program: pip install -e ."
        raise SystemExit(f"Error: This Python has no package {error.name}; {advice}") from None
