"""Write Twemoji's 840 faces on white, 300 to data/faces300 and the others to data/faces_test: python faces.py PACKAGE.

PACKAGE is the unpacked folder of npm's emoji-datasource-twitter 16.0.0: npm pack emoji-datasource-twitter@16.0.0.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from PIL import Image


def face_files(package: Path) -> list[Path]:
    """Return the 64x64 files of all persons and their skin variations."""
    emojis = json.loads((package / "emoji.json").read_text(encoding="utf-8"))
    persons = [emoji for emoji in emojis if emoji["subcategory"] in ("person", "person-role", "person-gesture")]
    images = {v["image"] for emoji in persons for v in (emoji, *emoji.get("skin_variations", {}).values())}
    files = [package / "img" / "twitter" / "64" / image for image in images]
    return sorted(file for file in files if file.exists())


def main(package: str) -> None:
    files = face_files(Path(package))
    random.Random(0).shuffle(files)
    for folder, part in (("faces300", files[:300]), ("faces_test", files[300:])):
        target = Path("data", folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in part:
            image = Image.open(file).convert("RGBA")
            Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB").save(target / file.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
