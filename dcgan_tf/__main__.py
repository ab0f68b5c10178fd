"""python -m dcgan_tf, which main.py runs, too. A Python without the packages that it needs is told so."""

from dcgan_tf.system import no_package


def main() -> None:
    """Run the program with the arguments of its process."""
    try:
        from dcgan_tf.cli.program import run

        run()
    except ModuleNotFoundError as error:
        raise SystemExit(no_package(error)) from None


if __name__ == "__main__":
    main()
