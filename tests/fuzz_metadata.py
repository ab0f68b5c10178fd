"""Whole images of all formats with random metadata blocks, for the fuzz tests: any viewer shows them."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, TiffImagePlugin

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
IMAGE = Image.fromarray(PIXELS)
SIZES = (0, 1, 3, 4, 8, 9, 32, 100, 5000, 60_000)
PNG_CHUNKS = "tEXtzTXtiTXtiCCPeXIfgAMAcHRMpHYssRGBsBITbKGDhISTsPLTtIMEacTLfcTLoFFscaBXprVt"  # four letters each
JPEG_STARTS = (
    *(b"", b"JFIF\0\x01\x01", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12"),
    *(b"http://ns.adobe.com/xap/1.0/\0<x Orientation='9'", b"ICC_PROFILE\0\x01\x01", b"MPF\0", b"MPF\0II*\0\x08\0\0\0"),
    *(b"Photoshop 3.0\x008BIM\x04\x04\0\0", b"JFXX\0\x10", b"FPXR\0", b"HDR_RI ver=11"),
)
PACKED = (zlib.compress(bytes(9)), zlib.compress(bytes(3_000_000)))
TIFF_TAGS = (270, 271, 285, 306, 315, 316, 700, 33432, 33723, 34377, 34675, 37724, 40965, 42112, 42113, 50706, 65000)


def encoded(kind: str, **options: object) -> bytes:
    """Encode IMAGE."""
    stream = io.BytesIO()
    IMAGE.save(stream, kind, **options)
    return stream.getvalue()


PNG, JPEG, GIF, BMP = encoded("PNG"), encoded("JPEG", quality=95, subsampling=0), encoded("GIF"), encoded("BMP")


def block(dice: random.Random) -> bytes:
    """Random bytes, a long text, or one that is packed small."""
    data = dice.randbytes(dice.choice(SIZES))
    kinds = (data, b"key\0" + data, b"key\0\0" + dice.choice(PACKED), b"II*\0" + data)
    return dice.choice(kinds)


def png(dice: random.Random) -> bytes:
    chunks = []
    for _ in range(dice.randint(1, 3)):
        start = 4 * dice.randrange(len(PNG_CHUNKS) // 4)
        name = PNG_CHUNKS[start : start + 4].encode()
        content = block(dice)
        checked = name + content
        chunks.append(struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked)))
    where = dice.choice((33, len(PNG) - 12))  # behind the header, before the end
    return PNG[:where] + b"".join(chunks) + PNG[where:]


def jpeg(dice: random.Random) -> bytes:
    segments = []
    for _ in range(dice.randint(1, 3)):
        content = (dice.choice(JPEG_STARTS) + block(dice))[:65533]
        marker = dice.choice([*range(0xE0, 0xEE), 0xEF, 0xFE])  # not Adobe's APP14, which tells the colours
        segments.append(bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content)
    where = dice.choice((2, 20))  # behind the start, behind JFIF's header
    return JPEG[:where] + b"".join(segments) + JPEG[where:]


def gif(dice: random.Random) -> bytes:
    data = block(dice)[:2000] or b"x"  # Pillow reads no NETSCAPE2.0 without data
    parts = [data[i : i + 255] for i in range(0, len(data), 255)]
    start = dice.choice((b"\xfe", b"\xff\x0bNETSCAPE2.0", b"\xff\x0b" + dice.randbytes(11), b"\x01\x0c" + bytes(12)))
    extension = b"\x21" + start + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    where = 13 + 3 * 2 ** ((GIF[10] & 7) + 1)  # behind the colours
    return GIF[:where] + extension + GIF[where:]


def webp(dice: random.Random) -> bytes:
    options = {name: block(dice) for name in dice.sample(("exif", "xmp", "icc_profile"), dice.randint(0, 3))}
    whole = encoded("WEBP", lossless=True, **options)
    extra = dice.choice((b"", b"prVt" + struct.pack("<I", 8) + dice.randbytes(8)))
    return whole[:4] + struct.pack("<I", len(whole) + len(extra) - 8) + whole[8:] + extra


def tiff(dice: random.Random) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in dice.sample(TIFF_TAGS, dice.randint(1, 4)):
        tags.tagtype[tag] = dice.choice((1, 2, 7))  # bytes, a text, undefined
        tags[tag] = block(dice)
        if tags.tagtype[tag] == 2:
            tags[tag] = block(dice).decode("latin1")
    return encoded("TIFF", tiffinfo=tags)


KINDS: dict[str, Callable[[random.Random], bytes]] = {"PNG": png, "JPEG": jpeg, "GIF": gif, "WebP": webp, "TIFF": tiff}


def damaged(dice: random.Random) -> bytes:
    """An image of any kind, cut off or with other bytes in a few places."""
    data = bytearray(KINDS[dice.choice([*KINDS])](dice))
    for _ in range(dice.randint(0, 5)):
        data[dice.randrange(len(data))] = dice.randrange(256)
    if dice.random() < 0.5:
        del data[dice.randrange(len(data)) :]
    return bytes(data) or b"\0"
