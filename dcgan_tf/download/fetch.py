"""Download from hosts that can be slow, wrong or down, check what comes, and unpack it."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath

from dcgan_tf.system.errors import UserError, counted, reason
from dcgan_tf.system.messages import progress, say

TIMEOUT = 10  # seconds without any data, after which every download ends, also that of another library


@dataclass(frozen=True)
class Archive:
    """A file and its mirrors. Size and digest of a data set are those that tensorflow-datasets or Keras checks."""

    name: str
    size: int  # bytes
    digest: str  # hexadecimal
    urls: tuple[str, ...]
    option: str = "--from-file"  # takes the file if it was fetched by hand
    digest_name: str = "sha256"  # in hashlib; md5 if that is all that is published


INCEPTION = Archive(  # the network of FID; size and digest as public listings of this file give them
    "classify_image_graph_def.pb",
    95_673_916,
    "e6bb154e85f5d4331c22abcddb5dcf31",
    ("https://openaipublic.blob.core.windows.net/diffusion/jul-2021/ref_batches/classify_image_graph_def.pb",),
    option="--inception",
    digest_name="md5",
)
KERAS_INCEPTION = Archive(  # the weights, with the digest that Keras checks
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    87_910_968,
    "bcbd6486424b2319ff4ef7d526e38f63",
    (
        "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    digest_name="md5",
)


def fetch_archive(archive: Archive, target: Path) -> None:
    """Download the archive to `target` from the first mirror that has it; continue an earlier incomplete download.

    Args:
      target: the new file, which is there only when size and digest are right. Until then the bytes are in a hidden
        file beside it.
    Raises: UserError if no mirror has it.
    """
    try:
        try_mirrors(archive, target)
    except OSError as error:
        raise UserError(
            f"{archive.name} could not be fetched ({error}); run the same command later to continue, or fetch"
            f" {archive.urls[0]} by hand and give it with {archive.option}."
        ) from error


def try_mirrors(archive: Archive, target: Path) -> None:
    """Do what `fetch_archive` does. Raises: OSError that says why each mirror failed."""
    partial = target.with_name(f".{target.name}.part")
    reasons = []
    for url in archive.urls:
        say(f"Fetching {archive.name} ({archive.size / 1e6:,.1f} MB) from {url}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _download_rest(url, archive, partial)
            if file_digest(partial, archive.digest_name) != archive.digest:
                partial.unlink()
                raise ValueError("the file from this host is not the archive: its digest is wrong")
            partial.replace(target)
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            reasons.append(f"{url}: {reason(error)}")
            say(f"  {reason(error)}")
    raise OSError("; ".join(reasons))


def _download_rest(url: str, archive: Archive, partial: Path) -> None:
    """Append to `partial` the bytes that it lacks.

    Raises: OSError or ValueError. The bytes received so far are kept for the next attempt.
    """
    size = 0
    if partial.exists():
        size = partial.stat().st_size
    if size == archive.size:
        return
    request = urllib.request.Request(url)
    if size:
        request.add_header("Range", f"bytes={size}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.status != 206:
            size = 0  # the host does not support ranges and sends the whole file
        length = size + int(response.headers.get("Content-Length") or 0)
        if length != archive.size:  # such as a web page in its place
            raise ValueError(f"the host's file has {length:,} bytes, not {archive.size:,}")
        bar = progress(total=archive.size, initial=size, unit="B", unit_scale=True, desc=archive.name, leave=False)
        with partial.open("ab") as file, bar:
            file.truncate(size)
            while size < archive.size and (block := response.read(1 << 20)):
                file.write(block[: archive.size - size])
                size += len(block)
                bar.update(len(block))
    if size < archive.size:
        raise OSError(f"the connection ended after {size:,} of {archive.size:,} bytes")


def file_digest(path: Path, name: str) -> str:
    """Return the file's digest in hexadecimal digits. Args: name: of the kind, in hashlib, e.g. sha256."""
    digest = hashlib.new(name)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def install(source: Archive | Path, folder: Path) -> None:
    """Unpack a ZIP file of images in one folder to `folder`.

    Args:
      source: an archive to download, which its parent folder holds for a while under a hidden name, or the user's ZIP
        file, which stays.
      folder: where to put the data set. Nothing is done if it has files already.
    Raises: UserError if the archive cannot be fetched or is not valid.
    """
    folder = folder.resolve()  # it may be a link to another disk
    if any(folder.glob("[!.]*")):
        say(f"{folder} exists already")
        return
    if isinstance(source, Path):
        count = _unpack(source, folder)
    else:
        file = folder.with_name(f".{source.name}")
        if not file.exists():
            fetch_archive(source, file)
        count = _unpack(file, folder)
        file.unlink()
    say(f"Created {folder}: {counted(count, 'file')}")


def _unpack(file: Path, folder: Path) -> int:
    """Do so by way of a temporary folder, whose name is always the same, so that nothing stays of one that was killed.

    Returns: the number of files. Raises: UserError.
    """
    unpacking = folder.with_name(f".{folder.name}.unpacking")
    try:
        shutil.rmtree(unpacking, ignore_errors=True)
        unpacking.mkdir(parents=True)
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if PurePath(name).match("[!.]*.jpg")]  # not a Mac's ._NAME
            folders = {PurePath(name).parent for name in names}
            if len(folders) != 1:
                raise ValueError(f"exactly one folder in it should contain *.jpg files, but {len(folders)} do")
            for name in progress(names, f"Unpacking {file.name}", unit="file", leave=False):
                (unpacking / PurePath(name).name).write_bytes(archive.read(name))  # it also checks the CRC
        if folder.is_dir():
            for hidden in folder.iterdir():  # such as .DS_Store
                hidden.replace(unpacking / hidden.name)
            folder.rmdir()  # Windows replaces no folder
        unpacking.replace(folder)
    except Exception as error:  # zipfile raises many kinds of exceptions for damaged files
        raise UserError(
            f"The archive {file.absolute()} cannot be unpacked ({reason(error)}); if it is damaged, remove it and fetch"
            " it again."
        ) from error
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)
    return len(names)
