"""Download from hosts that can be slow, wrong or down: what MNIST, the archives and tensorflow-datasets share."""

from __future__ import annotations

import hashlib
import http.client
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from dcgan_tf.system.errors import UserError, reason

TIMEOUT = 10  # seconds without any data
NETWORK_ERRORS = (OSError, http.client.HTTPException)


def probe(url: str) -> None:
    """Check that the host answers a HEAD request.

    Call it before tensorflow-datasets downloads from the host, because its own retries take minutes.

    Raises: urllib.error.HTTPError if the host refuses the request, another OSError if it does not answer.
    """
    urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()


@dataclass(frozen=True)
class Archive:
    """A file and its mirrors."""

    name: str
    size: int  # bytes
    digest: str  # hexadecimal: SHA-256, or MD5 if that is all that is published
    urls: tuple[str, ...]
    option: str = "--from-file"  # takes the file if it was fetched by hand

    @property
    def digest_name(self) -> str:
        """The digest's kind, a name in hashlib."""
        return "md5" if len(self.digest) == 32 else "sha256"


def fetch_archive(archive: Archive, target: Path) -> None:
    """Download the archive to `target` from the first mirror that has it; continue an earlier incomplete download.

    Raises: UserError if no mirror has it.
    """
    partial = target.with_name(f".{target.name}.part")
    reasons = []
    for url in archive.urls:
        print(f"Fetching {archive.name} ({archive.size / 1e6:,.1f} MB) from {url}", flush=True)
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
            print(f"  {reason(error)}")
    raise UserError(
        f"{archive.name} could not be fetched ({'; '.join(reasons)}); run the same command later to continue, or fetch"
        f" {archive.urls[0]} by hand and give it with {archive.option}."
    )


def _download_rest(url: str, archive: Archive, partial: Path) -> None:
    """Append to `partial` the bytes that it lacks.

    Raises: OSError or ValueError. The bytes received so far are kept for the next attempt.
    """
    size = partial.stat().st_size if partial.exists() else 0
    if size > archive.size:
        partial.unlink()
        size = 0
    if size == archive.size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={size}-"} if size else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise ValueError("the host sent a web page instead of the archive")
        if size and not response.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
            size = 0  # the host does not support ranges and sends the whole file
        length = response.headers.get("Content-Length")
        if length and size + int(length) != archive.size:
            raise ValueError(f"the host's file has {size + int(length):,} bytes, not {archive.size:,}")
        bar = tqdm(total=archive.size, initial=size, unit="B", unit_scale=True, desc=archive.name, leave=False)
        with partial.open("ab" if size else "wb") as file, bar:
            while size < archive.size and (block := response.read(1 << 20)):
                file.write(block[: archive.size - size])
                size += len(block)
                bar.update(len(block))
    if size < archive.size:
        raise OSError(f"the connection ended after {size:,} of {archive.size:,} bytes")


def file_digest(path: Path, name: str) -> str:
    """Return the file's digest of the kind `name`, in hexadecimal digits."""
    digest = hashlib.new(name)
    bar = tqdm(total=path.stat().st_size, unit="B", unit_scale=True, desc="Checking", leave=False)
    with path.open("rb") as file, bar:
        while block := file.read(1 << 20):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()
