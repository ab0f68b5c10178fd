"""What every room may ask, and what two programs need before they know that any package is there."""

VERSION = "1.1.0"


def no_package(error: ModuleNotFoundError) -> str:
    """Return what a Python is told that lacks a package of the program."""
    advice = "activate its environment (. .venv/bin/activate), or install the program: pip install -e ."
    return f"Error: This Python has no package {error.name}; {advice}"
