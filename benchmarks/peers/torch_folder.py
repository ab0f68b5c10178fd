"""Train a DCGAN in PyTorch on a folder of square images, then generate some: python torch_folder.py FOLDER OUT.

The recipe is the public one of PyTorch's own example: kernels of 4x4 without a bias, normal z, one update of each
network an iteration, Adam with 0.0002 and 0.5, batches of 64, initial weights of deviation 0.02. The stages are as many
as bring the image to 4x4 pixels. It needs torch, imageio and numpy.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

Z_DIM = 100
BATCH_SIZE = 64


def read(folder: Path) -> torch.Tensor:
    """Return the images of all PNG files of a folder and of its sub-folders, uint8 [N, 3, H, W]."""
    images = np.stack([iio.imread(file, mode="RGB") for file in sorted(folder.rglob("*.png"))])
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def generator(width: int, stages: int) -> nn.Sequential:
    """Return a generator of z [B, Z_DIM, 1, 1] that gives images [B, 3, 4 * 2**stages, 4 * 2**stages] in -1 to 1."""
    filters = width * 2 ** (stages - 1)
    layers = [nn.ConvTranspose2d(Z_DIM, filters, 4, bias=False), nn.BatchNorm2d(filters), nn.ReLU(True)]
    for _ in range(stages - 1):
        layers.append(nn.ConvTranspose2d(filters, filters // 2, 4, 2, 1, bias=False))
        filters //= 2
        layers += [nn.BatchNorm2d(filters), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ConvTranspose2d(filters, 3, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(width: int, stages: int) -> nn.Sequential:
    """Return a discriminator of images as above that gives logits [B]."""
    layers = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    filters = width
    for _ in range(stages - 1):
        layers.append(nn.Conv2d(filters, 2 * filters, 4, 2, 1, bias=False))
        filters *= 2
        layers += [nn.BatchNorm2d(filters), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(filters, 1, 4, bias=False), nn.Flatten(0))


def initialize(layer: nn.Module) -> None:
    """Draw the first weights of a layer."""
    if isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
    elif isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)


def loss(logits: torch.Tensor, target: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def train(images: torch.Tensor, g: nn.Module, d: nn.Module, minutes: float) -> int:
    """Train for some minutes. Return the number of iterations."""
    g_optimizer, d_optimizer = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (g, d))
    end = time.monotonic() + 60 * minutes
    iterations = 0
    while True:
        for indices in torch.randperm(len(images)).split(BATCH_SIZE):
            real = images[indices].float() / 127.5 - 1
            fake = g(torch.randn(len(real), Z_DIM, 1, 1))
            d_loss = loss(d(real), 1.0) + loss(d(fake.detach()), 0.0)
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
            g_loss = loss(d(fake), 1.0)
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
            iterations += 1
            if iterations % 500 == 0:
                print(f"{iterations} iterations, d_loss {d_loss.item():.3f}, g_loss {g_loss.item():.3f}", flush=True)
            if time.monotonic() > end:
                return iterations


@torch.no_grad()
def generate(g: nn.Module, count: int) -> np.ndarray:
    """Return images, uint8 [count, H, W, 3], with batch norm as in training, as the example's samples have it."""
    batches = [g(torch.randn(BATCH_SIZE, Z_DIM, 1, 1)) for _ in range(-(-count // BATCH_SIZE))]
    images = torch.cat(batches)[:count].permute(0, 2, 3, 1)
    return ((images + 1) * 127.5).round().to(torch.uint8).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a DCGAN in PyTorch on a folder of square images.")
    parser.add_argument("folder", type=Path, help="PNG files, of one size: 32x32, 64x64, 128x128 or 256x256")
    parser.add_argument("out", type=Path, help="folder for the generated images")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--width", type=int, default=64, help="filters of the largest stage")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generate", type=int, default=2000, help="number of images")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    torch.manual_seed(options.seed)
    images = read(options.folder)
    stages = (images.shape[2] // 4).bit_length() - 1
    g = generator(options.width, stages).apply(initialize)
    d = discriminator(options.width, stages).apply(initialize)
    iterations = train(images, g, d, options.minutes)
    print(f"{len(images)} images, {stages} stages, {iterations} iterations")
    for number, image in enumerate(generate(g, options.generate)):
        iio.imwrite(options.out / f"{number:05}.png", image)


if __name__ == "__main__":
    main()
