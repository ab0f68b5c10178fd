"""Download from hosts that can be slow, wrong or down, check what comes, and unpack it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import shutil
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from dcgan_tf.download.archives import Archive
from dcgan_tf.system.errors import UserError, reason
from dcgan_tf.system.messages import progress, say

TIMEOUT = 10  # seconds without any data
NETWORK_ERRORS = (OSError, http.client.HTTPException)


class FetchError(Exception):
    """No mirror has the archive; the text says why each of them failed."""


def probe(url: str) -> None:
    """Check that the host answers a HEAD request.

    Call it before tensorflow-datasets downloads from the host, because its own retries take minutes.

    Raises: urllib.error.HTTPError if the host refuses the request, another OSError if it does not answer.
    """
    urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()


def fetch_archive(archive: Archive, target: Path) -> None:
    """Download the archive to `target` from the first mirror that has it; continue an earlier incomplete download.

    Raises: UserError if no mirror has it.
    """
    try:
        try_mirrors(archive, target)
    except FetchError as error:
        raise UserError(
            f"{archive.name} could not be fetched ({error}); run the same command later to continue, or fetch"
            f" {archive.urls[0]} by hand and give it with {archive.option}."
        ) from error


def try_mirrors(archive: Archive, target: Path) -> None:
    """Do what `fetch_archive` does. Raises: FetchError."""
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
        except (*NETWORK_ERRORS, ValueError) as error:
            reasons.append(f"{url}: {reason(error)}")
            say(f"  {reason(error)}")
    raise FetchError("; ".join(reasons))


def _download_rest(url: str, archive: Archive, partial: Path) -> None:
    """Append to `partial` the bytes that it lacks.

    Raises: OSError or ValueError. The bytes received so far are kept for the next attempt.
    """
    size = 0
    if partial.exists():
        size = partial.stat().st_size
    if size > archive.size:
        partial.unlink()
        size = 0
    if size == archive.size:
        return
    request = urllib.request.Request(url)
    if size:
        request.add_header("Range", f"bytes={size}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise ValueError("the host sent a web page instead of the archive")
        if size and not response.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
            size = 0  # the host does not support ranges and sends the whole file
        length = response.headers.get("Content-Length")
        if length and size + int(length) != archive.size:
            raise ValueError(f"the host's file has {size + int(length):,} bytes, not {archive.size:,}")
        bar = progress(total=archive.size, initial=size, unit="B", unit_scale=True, desc=archive.name, leave=False)
        mode = "ab" if size else "wb"
        with partial.open(mode) as file, bar:
            while size < archive.size and (block := response.read(1 << 20)):
                file.write(block[: archive.size - size])
                size += len(block)
                bar.update(len(block))
    if size < archive.size:
        raise OSError(f"the connection ended after {size:,} of {archive.size:,} bytes")


def file_digest(path: Path, name: str) -> str:
    """Return the file's digest of the kind `name`, in hexadecimal digits."""
    digest = hashlib.new(name)
    bar = progress(total=path.stat().st_size, unit="B", unit_scale=True, desc="Checking", leave=False)
    with path.open("rb") as file, bar:
        while block := file.read(1 << 20):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


@contextlib.contextmanager
def unpacked(file: Path, target: Path) -> Iterator[Path]:
    """Yield a temporary folder with the content of the ZIP file, in the parent folder of `target`.

    It has always the same name, so that nothing stays of an unpacking that was killed when it is repeated.

    Raises: UserError if the ZIP file is not valid, or if the block raises ValueError or OSError.
    """
    folder = target.with_name(f".{target.name}.unpacking")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            paths = [PurePosixPath(member.filename) for member in members]
            outside = [path for path in paths if path.is_absolute() or ".." in path.parts]
            if outside:
                raise ValueError(f"its member {str(outside[0])!r} points outside the folder")
            if sum(member.file_size for member in members) > shutil.disk_usage(folder).free:
                raise OSError(f"there is no room for it in {target.parent.absolute()}")
            for member in progress(members, f"Unpacking {file.name}", unit="file", leave=False):
                archive.extract(member, folder)  # also checks its CRC
        yield folder
    except (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(
            f"The archive {file.absolute()} cannot be unpacked ({reason(error)}); remove it and fetch it again."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(source: Archive | Path, folder: Path, pattern: str) -> bool:
    """Unpack a ZIP file, and move the only folder in it that has files like `pattern` to `folder`.

    Args:
      source: an archive to download, or the user's ZIP file, which stays.
      folder: where to put the data set; its parent folder holds the archive, under a hidden name, for a while. A file
        there with the archive's own name is the user's.
      pattern: a glob pattern for the names of the data set's files.
    Returns: True, or False if `folder` has files already, so that nothing is done.
    Raises: UserError if the archive cannot be fetched or is not valid.
    """
    folder = folder.resolve()  # it may be a link to another disk
    if any(folder.glob("[!.]*")):
        say(f"{folder.absolute()} exists already")
        return False
    fetched = None
    if isinstance(source, Path):
        file = source
    else:
        file = folder.parent / source.name
        if not file.exists():
            file = fetched = folder.parent / f".{source.name}"
            if not fetched.exists():
                fetch_archive(source, fetched)
    with unpacked(file, folder) as temporary:
        found = {
            path.parent for path in temporary.rglob(pattern) if not path.name.startswith(".")
        }  # not a Mac's ._NAME
        if len(found) != 1:
            raise ValueError(f"exactly one folder in it should contain {pattern} files, but {len(found)} do")
        inner = found.pop()
        if folder.is_dir():
            for hidden in folder.iterdir():  # such as .DS_Store
                hidden.replace(inner / hidden.name)
            folder.rmdir()  # Windows replaces no folder
        inner.replace(folder)
    if fetched:
        fetched.unlink()
    elif file != source:
        say(f"{file.absolute()} stays, as it was there before; it is no longer needed.")
    return True
