"""Fetch data sets (the original's download.py): python -m dcgan_tf.download mnist celebA lsun [--data_dir DIR]."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from dcgan_tf.data import mnist
from dcgan_tf.errors import UserError, reason

TIMEOUT = 10  # seconds without a byte
NETWORK_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Archive:
    """A ZIP file, and where to get it; size and digest as in tensorflow-datasets' checksums."""

    name: str
    size: int
    sha256: str
    urls: tuple[str, ...]


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
LSUN_HOSTS = ("http://dl.yf.io/lsun/scenes/", "https://dl.yf.io/lsun/scenes/")
LSUN = [  # the category that the original fetches
    Archive(name, size, digest, tuple(host + name for host in LSUN_HOSTS))
    for name, size, digest in (
        ("bedroom_val_lmdb.zip", 4670661, "5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12"),
        ("bedroom_train_lmdb.zip", 45922737680, "a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e"),
    )
]


def fetch(archive: Archive, target: Path) -> None:
    """Download the archive to `target`, going on where an earlier try ended, from the first mirror that has it.

    Raises UserError, which says what to fetch by hand, if none has.
    """
    partial = target.with_name(f".{target.name}.part")
    reasons = []
    for url in archive.urls:
        print(f"Fetching {archive.name} ({archive.size / 1e9:.2f} GB) from {url}", flush=True)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _append(url, archive, partial)
            if digest(partial) != archive.sha256:
                partial.unlink()
                raise ValueError("what came is not the archive: its digest is another")
            partial.replace(target)
            return
        except (*NETWORK_ERRORS, ValueError) as error:
            reasons.append(f"{url}: {reason(error)}")
            print(f"  {reason(error)}")
    raise UserError(
        f"{archive.name} could not be fetched ({'; '.join(reasons)}); try again later, which goes on where this ended,"
        f" or fetch {archive.urls[0]} by hand and give it with --from-file."
    )


def _append(url: str, archive: Archive, partial: Path) -> None:
    """Write to `partial` what it lacks. Raises OSError or ValueError; what came is kept for another try."""
    there = partial.stat().st_size if partial.exists() else 0
    if there > archive.size:
        partial.unlink()
        there = 0
    if there == archive.size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if answer.headers.get_content_type() == "text/html":
            raise ValueError("the host answers with a web page in place of the archive")
        if there and not answer.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
            there = 0  # the host sends it all again
        length = answer.headers.get("Content-Length")
        if length and there + int(length) != archive.size:
            raise ValueError(f"the host's file has {there + int(length):,} bytes, not {archive.size:,}")
        bar = tqdm(total=archive.size, initial=there, unit="B", unit_scale=True, desc=archive.name, leave=False)
        with partial.open("ab" if there else "wb") as file, bar:
            while there < archive.size and (block := answer.read(1 << 20)):
                file.write(block[: archive.size - there])
                there += len(block)
                bar.update(len(block))
    if there < archive.size:
        raise OSError(f"the connection ended after {there:,} of {archive.size:,} bytes")


def digest(path: Path) -> str:
    """The file's sha256."""
    total = hashlib.sha256()
    with path.open("rb") as file, tqdm(total=path.stat().st_size, unit="B", unit_scale=True, leave=False) as bar:
        bar.set_description("Checking")
        while block := file.read(1 << 20):
            total.update(block)
            bar.update(len(block))
    return total.hexdigest()


@contextlib.contextmanager
def unpacked(archive: Path, beside: Path) -> Iterator[Path]:
    """A temporary folder beside `beside` with what is in the ZIP file. Raises UserError if that is not sound."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", dir=beside.parent))
    try:
        with zipfile.ZipFile(archive) as file:
            members = file.infolist()
            paths = [PurePosixPath(member.filename) for member in members]
            outside = [path for path in paths if path.is_absolute() or ".." in path.parts]
            if outside:
                raise ValueError(f"its member {str(outside[0])!r} climbs out of the folder")
            if sum(member.file_size for member in members) > shutil.disk_usage(folder).free:
                raise OSError(f"there is no room for it in {beside.parent.absolute()}")
            for member in tqdm(members, f"Unpacking {archive.name}", unit="file", leave=False):
                file.extract(member, folder)  # checks its CRC
        yield folder
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(
            f"The archive {archive.absolute()} cannot be unpacked ({reason(error)}); remove it and fetch it again."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def celeba(data_dir: Path, from_file: Path | None = None) -> None:
    """data_dir/celebA/*.jpg, as in the original."""
    folder = data_dir / "celebA"
    if _is_there(folder):
        return
    file = from_file or data_dir / CELEBA.name
    if not file.exists() and not from_file:
        fetch(CELEBA, file)
    with unpacked(file, folder) as temporary:
        found = {path.parent for path in temporary.rglob("*.jpg")}
        if len(found) != 1:
            raise ValueError(f"its .jpg files should be in one folder, but {len(found)} folders have some")
        _rename(found.pop(), folder)
    if not from_file:
        file.unlink()
    count = sum(1 for _ in folder.iterdir())
    print(f"{folder.absolute()} is there now: {count:,} pictures" + (", not 202,599" if count != 202599 else ""))


def lsun(data_dir: Path, from_file: Path | None = None) -> None:
    """data_dir/lsun/bedroom_{val,train}_lmdb, or what LSUN archive was fetched by hand."""
    files = [from_file] if from_file else [data_dir / "lsun" / archive.name for archive in LSUN]
    for number, file in enumerate(files):
        folder = data_dir / "lsun" / file.stem
        if _is_there(folder):
            continue
        if not file.exists() and not from_file:
            fetch(LSUN[number], file)
        with unpacked(file, folder) as temporary:
            found = list(temporary.rglob("data.mdb"))
            if len(found) != 1:
                raise ValueError(f"there should be one data.mdb in it, but there are {len(found)}")
            _rename(found[0].parent, folder)
        if not from_file:
            file.unlink()
        print(f"{folder.absolute()} is there now")


def _is_there(folder: Path) -> bool:
    """Whether the folder holds anything."""
    there = folder.is_dir() and any(folder.iterdir())
    if there:
        print(f"{folder.absolute()} is there already")
    return there


def _rename(folder: Path, to: Path) -> None:
    to.mkdir(exist_ok=True)  # an empty one is no hindrance
    folder.chmod(0o755)  # temporary folders are private
    folder.replace(to)


def main(argv: list[str]) -> None:
    """Fetch what is named. Raises UserError."""
    parser = argparse.ArgumentParser(prog="python -m dcgan_tf.download", description="Fetch data sets into --data_dir.")
    parser.add_argument("datasets", nargs="+", choices=("mnist", "celebA", "lsun"))
    parser.add_argument("--data_dir", default="data", type=Path, help="folder that holds the data sets (./data)")
    parser.add_argument("--from-file", type=Path, metavar="ARCHIVE", help="a ZIP file fetched by hand")
    arguments = parser.parse_args(argv)
    file, data_dir = arguments.from_file, arguments.data_dir.expanduser()
    if file and len(arguments.datasets) > 1:
        raise UserError("--from-file gives one data set's archive, so name one data set beside it.")
    if file and not zipfile.is_zipfile(file):
        raise UserError(f"--from-file must be a ZIP archive as its host gives it, but {file.absolute()} is none.")
    for name in arguments.datasets:
        if name == "mnist":
            mnist.ensure(data_dir / "mnist", file)
            print(f"{(data_dir / 'mnist').absolute()} holds MNIST")
        else:
            {"celebA": celeba, "lsun": lsun}[name](data_dir, file)


def run() -> None:
    """The program: main, with errors turned into a sentence and an exit code."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
        raise SystemExit(130) from None
