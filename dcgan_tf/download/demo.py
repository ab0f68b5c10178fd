"""Monsters to try a training with: drawn here, so that nothing has to be fetched."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

from PIL import Image, ImageDraw

from dcgan_tf.system.files import replaced_content

FINE = 256  # pixels that they are drawn with, in each direction, then reduced to 64: smooth edges
INK = "#22223b"
TRAITS: tuple[tuple, ...] = (
    ("#fdf0d5", "#d7f0f7", "#e4f7dc", "#f9dfe8"),  # the ground
    ("#e63946", "#f4a261", "#ffd166", "#2a9d8f", "#118ab2", "#8e6bbf", "#ef6fa8", "#7fb800"),  # the body
    (44, 94),  # the radius of its corners
    ("horns", "ears", "antennas"),
    (((128, 44),), ((92, 31), (164, 31)), ((72, 25), (128, 25), (184, 25))),  # x and radius of each eye
    ((), (128,), (102, 154)),  # x of each tooth
)


def draw_monsters(folder: Path) -> None:
    """Write 300 files of 64x64 pixels into the folder, the same ones each time, no two alike."""
    monsters = random.Random(0).sample([*itertools.product(*TRAITS)], 300)
    with replaced_content(folder) as target:
        for number, (ground, *traits) in enumerate(monsters):
            image = Image.new("RGB", (FINE, FINE), ground)
            _monster(ImageDraw.Draw(image), *traits)
            image.resize((64, 64), Image.Resampling.LANCZOS).save(target / f"{number:03}.png")


def _monster(draw: ImageDraw.ImageDraw, body: str, corner: int, top: str, eyes: tuple, teeth: tuple) -> None:
    """Draw one monster, from what is behind to what is in front."""
    for x, side in ((72, -1), (184, 1)):
        draw.ellipse((x - 44, 208, x + 44, 248), body)  # a foot
        if top == "horns":
            draw.polygon((x - 20, 76, x + 20, 76, x + 22 * side, 8), INK)
        elif top == "ears":
            draw.circle((x + 8 * side, 52), 34, body)
        else:
            draw.line((x, 80, x + 12 * side, 28), INK, 9)
            draw.circle((x + 12 * side, 24), 15, body)
    draw.rounded_rectangle((34, 44, 222, 232), corner, fill=body)
    for x, radius in eyes:
        draw.circle((x, 112), radius, "white")
        draw.circle((x, 114), radius // 2, INK)
    draw.chord((76, 132, 180, 216), 0, 180, INK)
    for x in teeth:
        draw.polygon((x - 14, 174, x + 14, 174, x, 200), "white")
