"""python -m dcgan_tf, which main.py runs, too. A Python without the packages that it needs is told so."""


def main() -> None:
    """Run the program with the arguments of its process."""
    try:
        from dcgan_tf.cli.program import run

        run()
    except ModuleNotFoundError as error:
        advice = "activate its environment (. .venv/bin/activate), or install the program: pip install -e ."
        raise SystemExit(f"Error: This Python has no package {error.name}; {advice}") from None


if __name__ == "__main__":
    main()
