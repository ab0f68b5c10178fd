"""Fetch data sets, as the original's download.py, and the Inception graph: python -m dcgan_tf.download mnist celebA."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from dcgan_tf.data import mnist
from dcgan_tf.download.fetch import Archive, fetch_archive, file_digest
from dcgan_tf.runs.pretrained import FOLDER, fetched_folder
from dcgan_tf.settings.config import Config
from dcgan_tf.system.errors import UserError, reason

# Sizes and digests are those that tensorflow-datasets checks.
CELEBA = Archive(
    "img_align_celeba.zip",
    1443490838,
    "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    (
        "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
        "https://drive.usercontent.google.com/download?id=0B7EVK8r0v71pZjFTYXZWM3FlRnM&export=download&confirm=t",
        "https://huggingface.co/datasets/Yuehao/celeba/resolve/main/img_align_celeba.zip",
    ),
)
CELEBA_IMAGES = 202_599
LSUN_HOSTS = ("http://dl.yf.io/lsun/scenes/", "https://dl.yf.io/lsun/scenes/")
LSUN = [  # the category that the original fetches
    Archive(name, size, digest, tuple(host + name for host in LSUN_HOSTS))
    for name, size, digest in (
        ("bedroom_val_lmdb.zip", 4670661, "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12"),
        ("bedroom_train_lmdb.zip", 45922737680, "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e"),
    )
]

INCEPTION = Archive(  # the network of FID; size and digest as public listings of this file give them
    "classify_image_graph_def.pb",
    95_673_916,
    "e6bb154e85f5d4331c22abcddb5dcf31",
    ("https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/classify_image_graph_def.pb",),
    "--inception",
)


@contextlib.contextmanager
def unpacked(archive: Path, target: Path) -> Iterator[Path]:
    """Yield a temporary folder with the content of the ZIP file, in the parent folder of `target`.

    Raises: UserError if the ZIP file is not valid, or if the block raises ValueError or OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            paths = [PurePosixPath(member.filename) for member in members]
            outside = [path for path in paths if path.is_absolute() or ".." in path.parts]
            if outside:
                raise ValueError(f"its member {str(outside[0])!r} points outside the folder")
            if sum(member.file_size for member in members) > shutil.disk_usage(folder).free:
                raise OSError(f"there is no room for it in {target.parent.absolute()}")
            for member in tqdm(members, f"Unpacking {archive.name}", unit="file", leave=False):
                file.extract(member, folder)  # also checks its CRC
        yield folder
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(
            f"The archive {archive.absolute()} cannot be unpacked ({reason(error)}); remove it and fetch it again."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(archive: Archive | None, file: Path, folder: Path, pattern: str) -> bool:
    """Unpack a ZIP file, and move the only folder in it that has files like `pattern` to `folder`.

    Args:
      archive: the archive to fetch if `file` does not exist; it is removed at the end. None if `file` is the user's.
      file: the ZIP file.
      folder: where to put the data set.
      pattern: a glob pattern for the names of the data set's files.
    Returns: True, or False if `folder` has files already, so that nothing is done.
    Raises: UserError if the archive cannot be fetched or is not valid.
    """
    if folder.is_dir() and any(folder.iterdir()):
        print(f"{folder.absolute()} exists already")
        return False
    if archive and not file.exists():
        fetch_archive(archive, file)
    with unpacked(file, folder) as temporary:
        found = {path.parent for path in temporary.rglob(pattern)}
        if len(found) != 1:
            raise ValueError(f"exactly one folder in it should contain {pattern} files, but {len(found)} do")
        inner = found.pop()
        inner.chmod(0o755)  # a temporary folder is private
        folder.mkdir(exist_ok=True)
        inner.replace(folder)
    if archive:
        file.unlink()
    return True


def fetch_mnist(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/mnist with MNIST's four idx files."""
    mnist.ensure(data_dir / "mnist", from_file)
    print(f"{(data_dir / 'mnist').absolute()} contains MNIST")


def fetch_celeba(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/celebA/*.jpg, as the original does."""
    folder = data_dir / "celebA"
    archive, file = (None, from_file) if from_file else (CELEBA, data_dir / CELEBA.name)
    if install(archive, file, folder, "*.jpg"):
        count = sum(1 for _ in folder.iterdir())
        missing = f", not {CELEBA_IMAGES:,}" if count != CELEBA_IMAGES else ""
        print(f"Created {folder.absolute()}: {count:,} images{missing}")


def fetch_lsun(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch data_dir/lsun/bedroom_{val,train}_lmdb, or unpack any LSUN archive that was fetched by hand."""
    lsun = data_dir / "lsun"
    for archive, file in [(None, from_file)] if from_file else [(archive, lsun / archive.name) for archive in LSUN]:
        folder = lsun / file.stem
        if install(archive, file, folder, "data.mdb"):
            print(f"Created {folder.absolute()}")


def fetch_inception(data_dir: Path, from_file: Path | None = None) -> None:
    """Fetch the Inception graph of 2015 into the default --cache_dir, where --evaluate finds it. Raises UserError."""
    if from_file:
        raise UserError(
            f"--from-file is for data sets; give the Inception graph with --evaluate --inception {from_file}."
        )
    path = Path(Config.cache_dir).expanduser() / INCEPTION.name
    if not path.exists():
        fetch_archive(INCEPTION, path)
    print(f"{path} is the Inception graph of 2015: --evaluate uses it for FID")


def read_registry(path: Path) -> dict[str, Archive]:
    """Return the archives of pretrained runs, by name, that a registry lists. Raises UserError if it is damaged."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        for entry in entries:
            if not entry["urls"] or Path(entry["name"]).name != entry["name"]:
                raise ValueError(f"{entry['name']!r} has no urls, or is not a plain name")
        return {
            entry["name"]: Archive(f"{entry['name']}.zip", entry["size"], entry["digest"], tuple(entry["urls"]))
            for entry in entries
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The registry {path.absolute()} cannot be used ({reason(error)}); it must be a JSON list of pretrained"
            " runs, each with name, size, digest and urls."
        ) from error


def fetch_pretrained(argv: list[str]) -> None:
    """Fetch the pretrained run that the command line names, to where --pretrained finds it. Raises UserError."""
    parser = argparse.ArgumentParser(prog="python -m dcgan_tf.download pretrained")
    parser.add_argument("name", help="of a run in the registry")
    parser.add_argument("--registry", type=Path, default=FOLDER / "registry.json", help="a JSON file (the package's)")
    parser.add_argument("--from-file", type=Path, metavar="ARCHIVE", help="the run's ZIP file, fetched by hand")
    arguments = parser.parse_args(argv)
    name, file = arguments.name, arguments.from_file
    archives = read_registry(arguments.registry)
    if name not in archives:
        names = ", ".join(sorted(archives)) or "none"
        raise UserError(f"The registry {arguments.registry.absolute()} has no run {name!r}; it has {names}.")
    archive, folder = archives[name], fetched_folder() / name
    if file and (not file.is_file() or file_digest(file, archive.digest_name) != archive.digest):
        raise UserError(f"--from-file must be {archive.urls[0]}, but {file.absolute()} is not that file.")
    if install(None if file else archive, file or folder.with_name(archive.name), folder, "about.json"):
        print(f"Created {folder}: python main.py --dataset {name} --pretrained uses it")


DATASETS = {"mnist": fetch_mnist, "celebA": fetch_celeba, "lsun": fetch_lsun, "inception": fetch_inception}


def main(argv: list[str]) -> None:
    """Fetch the data sets that the command line names. Raises UserError."""
    if argv[:1] == ["pretrained"]:
        return fetch_pretrained(argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m dcgan_tf.download",
        description="Fetch data sets into --data_dir. python -m dcgan_tf.download pretrained NAME: a trained run.",
    )
    parser.add_argument("datasets", nargs="+", choices=tuple(DATASETS))
    parser.add_argument("--data_dir", default="data", type=Path, help="folder that holds the data sets (./data)")
    parser.add_argument("--from-file", type=Path, metavar="ARCHIVE", help="a ZIP file fetched by hand")
    arguments = parser.parse_args(argv)
    file, data_dir = arguments.from_file, arguments.data_dir.expanduser()
    if file and len(arguments.datasets) > 1:
        names = ", ".join(arguments.datasets)
        raise UserError(f"--from-file is the archive of one data set, so name one data set, but {names} were given.")
    if file and arguments.datasets != ["inception"] and not zipfile.is_zipfile(file):
        raise UserError(
            f"--from-file must be a ZIP archive, as the data set's host offers it, but {file.absolute()} is not one;"
            " fetch it again."
        )
    for name in arguments.datasets:
        DATASETS[name](data_dir, file)


def run() -> None:
    """Run main with the program's arguments; print errors as one sentence and exit with a code."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("Interrupted; run the same command again to continue.", file=sys.stderr)
        raise SystemExit(130) from None
