"""Keep prepared images in the cache folder, so that the next start on the same files need not decode them again."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from typing import Any

import numpy as np
import PIL

from dcgan_tf.data import formats
from dcgan_tf.data.decode import ImageSpec
from dcgan_tf.data.prepare import Prepared, decode_all
from dcgan_tf.data.sources import Source
from dcgan_tf.settings.config import Asked
from dcgan_tf.system.cache import DiskCache, cache_folder
from dcgan_tf.system.messages import report

DECODING = 4  # raise it when decode.py gives other pixels than before, or when what is kept changes


def open_cache(config: Asked) -> DiskCache:
    """Return the cache that the settings name."""
    return DiskCache(cache_folder(config.cache_dir), config.cache_limit_gb, config.cache)


def prepare(source: Source, spec: ImageSpec, config: Asked) -> Prepared:
    """Return all images of the source as `decode_all` does: from the cache, or decode them and keep them there.

    Images that need no decoding (idx files) are not kept.

    Raises: UserError, as `decode_all`.
    """
    cache = open_cache(config)
    key = _key(source, spec)
    names = [f"{key}-{spec.channels or 'auto'}", f"{key}-auto"]  # the second has the channels that the images decided
    if not source.files:
        names = []
    for name in names:
        kept: dict[str, Any] | None = cache.load("prepared", name)
        if kept and spec.channels in (None, kept["images"].shape[3]):  # its arrays stay in their files
            return Prepared(**kept | {"unreadable": kept["unreadable"].tolist(), "from_cache": True})
    prepared = decode_all(source, spec, config.cache_gb, cache.folder)
    if prepared.failed:
        report("Cache", "not kept, as some files may be readable another time")
    elif names:
        arrays = {
            "images": prepared.images,
            "labels": prepared.labels,
            "sizes": prepared.sizes,
            "unreadable": np.array(prepared.unreadable, str),
        }
        kept = cache.save("prepared", names[0], arrays)
        if kept:
            prepared.images = kept["images"]  # frees the memory in which they were decoded
    return prepared


def _key(source: Source, spec: ImageSpec) -> str:
    """Return a digest of all that the images depend on, except the channels."""
    versions = (DECODING, PIL.__version__, formats.heif_version())
    facts = (versions, dataclasses.replace(spec, channels=None), source.class_names)
    digest = hashlib.sha256(repr(facts).encode())
    for file in source.files:
        state = ""
        with contextlib.suppress(OSError):  # a link to nowhere
            status = os.stat(file)
            # ctime also changes if another file with the same time and size is moved here, or if it becomes readable
            state = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        digest.update(f"{file}\0{state}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]
