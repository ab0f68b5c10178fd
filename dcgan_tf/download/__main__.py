"""Fetch data sets, as the original's download.py, and the Inception graph: python -m dcgan_tf.download mnist celebA.

The data set demo is drawn.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dcgan_tf.system import no_package

try:
    from dcgan_tf.download import mnist
    from dcgan_tf.download.demo import draw_monsters
    from dcgan_tf.download.fetch import INCEPTION, Archive, fetch_archive, install
    from dcgan_tf.system.cache import cache_folder
    from dcgan_tf.system.errors import UserError
    from dcgan_tf.system.messages import say
    from dcgan_tf.system.signals import run_program
except ModuleNotFoundError as error:
    raise SystemExit(no_package(error)) from None

CELEBA = Archive(
    "img_align_celeba.zip",
    1_443_490_838,
    "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    (
        "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
        "https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
        "https://huggingface.co/datasets/Yuehao/celeba/resolve/main/img_align_celeba.zip",
    ),
)


def fetch(name: str, data_dir: Path, file: Path | None = None) -> None:
    """Fetch a data set into data_dir, from its mirrors or out of the user's ZIP file. Raises UserError."""
    folder = data_dir / name
    if name == "mnist":
        mnist.ensure(folder)
        say(f"{folder} contains MNIST")
    elif name == "demo":
        if not any(folder.glob("[!.]*")):
            draw_monsters(folder)
        say(f"{folder} contains drawn monsters; next: python main.py --dataset demo --train --preset auto")
    elif name == "celebA":
        install(file or CELEBA, folder)
    else:
        path = cache_folder("") / INCEPTION.name
        if not path.exists():
            fetch_archive(INCEPTION, path)
        say(f"{path} is the Inception graph of 2015: --evaluate uses it for FID")


def main(argv: list[str]) -> None:
    """Fetch the data sets that the command line names. Raises UserError."""
    parser = argparse.ArgumentParser(
        prog="python -m dcgan_tf.download", description="Fetch or draw data sets, and fetch the network of FID."
    )
    parser.add_argument("datasets", nargs="+", choices=("demo", "mnist", "celebA", "inception"))
    parser.add_argument("--data_dir", default="data", type=Path, help="folder that holds the data sets (./data)")
    parser.add_argument("--from-file", type=Path, metavar="ARCHIVE", help="a ZIP file fetched by hand")
    arguments = parser.parse_args(argv)
    if arguments.from_file and arguments.datasets != ["celebA"]:
        raise UserError(
            f"--from-file is the archive of celebA, but {', '.join(arguments.datasets)} was given; put MNIST's four"
            " files into data_dir/mnist, and give the file of the Inception graph with --evaluate --inception."
        )
    data_dir = arguments.data_dir.expanduser().absolute()
    for name in arguments.datasets:
        fetch(name, data_dir, arguments.from_file)


if __name__ == "__main__":
    run_program(lambda: main(sys.argv[1:]))
