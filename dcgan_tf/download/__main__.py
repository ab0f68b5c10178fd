"""Fetch data sets, as the original's download.py, and the Inception graph: python -m dcgan_tf.download mnist celebA."""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from dcgan_tf.download import mnist
from dcgan_tf.download.archives import CELEBA, CELEBA_IMAGES, INCEPTION, LSUN, Archive
from dcgan_tf.download.fetch import fetch_archive, install
from dcgan_tf.system.cache import cache_folder
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import say
from dcgan_tf.system.signals import run_program


def fetch_mnist(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/mnist with MNIST's four idx files."""
    folder = data_dir / "mnist"
    mnist.ensure(folder, from_file)
    say(f"{folder.absolute()} contains MNIST")


def fetch_celeba(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/celebA/*.jpg, as the original does."""
    folder = data_dir / "celebA"
    if install(from_file or CELEBA, folder, "*.jpg"):
        count = sum(1 for _ in folder.glob("[!.]*"))
        missing = ""
        if count != CELEBA_IMAGES:
            missing = f", not {CELEBA_IMAGES:,}"
        say(f"Created {folder.absolute()}: {count:,} images{missing}")


def fetch_lsun(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/lsun/bedroom_{val,train}_lmdb, or unpack any LSUN archive that was fetched by hand."""
    sources: Sequence[Archive | Path] = LSUN
    if from_file:
        sources = [from_file]
    for source in sources:
        folder = data_dir / "lsun" / Path(source.name).stem
        if install(source, folder, "data.mdb"):
            say(f"Created {folder.absolute()}")


def fetch_inception(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch the Inception graph of 2015 into the default --cache_dir, where --evaluate finds it. Raises UserError."""
    if from_file:
        raise UserError(
            f"--from-file is for data sets; give the Inception graph with --evaluate --inception {from_file}."
        )
    path = cache_folder("") / INCEPTION.name
    if not path.exists():
        fetch_archive(INCEPTION, path)
    say(f"{path} is the Inception graph of 2015: --evaluate uses it for FID")


DATASETS = {"mnist": fetch_mnist, "celebA": fetch_celeba, "lsun": fetch_lsun, "inception": fetch_inception}


def main(argv: list[str]) -> None:
    """Fetch the data sets that the command line names. Raises UserError."""
    parser = argparse.ArgumentParser(
        prog="python -m dcgan_tf.download", description="Fetch data sets into --data_dir, and the network of FID."
    )
    parser.add_argument("datasets", nargs="+", choices=tuple(DATASETS))
    parser.add_argument("--data_dir", default="data", type=Path, help="folder that holds the data sets (./data)")
    parser.add_argument("--from-file", type=Path, metavar="ARCHIVE", help="a ZIP file fetched by hand")
    arguments = parser.parse_args(argv)
    file = arguments.from_file
    if file and len(arguments.datasets) > 1:
        names = ", ".join(arguments.datasets)
        raise UserError(f"--from-file is the archive of one data set, so name one data set, but {names} were given.")
    if file and not file.is_file():
        raise UserError(f"--from-file must be a ZIP archive, but there is no file {file.absolute()}.")
    if file and arguments.datasets != ["inception"] and not zipfile.is_zipfile(file):
        raise UserError(
            f"--from-file must be a ZIP archive, as the data set's host offers it, but {file.absolute()} is not one;"
            " fetch it again."
        )
    try:
        for name in arguments.datasets:
            DATASETS[name](arguments.data_dir.expanduser(), file)
    except SystemExit:  # a signal, such as that of Ctrl-C
        say("Interrupted; run the same command again to continue.")
        raise


if __name__ == "__main__":
    run_program(lambda: main(sys.argv[1:]))
