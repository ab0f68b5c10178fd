"""The same networks and the same iteration in PyTorch, as its users write them (pip install dcgan_tf[compare]).

python benchmarks/peers/torch_dcgan.py [--dataset mnist|made64] [--precision float32|bfloat16] [--compile]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1]))
from turns import SHAPES, peer_parser, time_peer


def with_labels(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Labels [B, Y] after the channels of x [B, C] or [B, C, H, W]."""
    return torch.cat([x, y if x.ndim == 2 else y[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)


def conv(inputs: int, outputs: int) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 5, stride=2, padding=2)


def deconv(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(100, 512 * 4 * 4)
        self.layers = nn.Sequential(
            *[nn.BatchNorm2d(512), nn.ReLU(), deconv(512, 256), nn.BatchNorm2d(256), nn.ReLU(), deconv(256, 128)],
            *[nn.BatchNorm2d(128), nn.ReLU(), deconv(128, 64), nn.BatchNorm2d(64), nn.ReLU(), deconv(64, 3), nn.Tanh()],
        )

    def forward(self, z, y):
        x = self.linear(z).view(-1, 512, 4, 4).contiguous(memory_format=torch.channels_last)
        return self.layers(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [conv(3, 64), nn.LeakyReLU(0.2)]
        for filters in (64, 128, 256):
            layers += [conv(filters, 2 * filters), nn.BatchNorm2d(2 * filters), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * 4 * 4, 1))

    def forward(self, x, y):
        return self.layers(x)


class ConditionalGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear0, self.norm0 = nn.Linear(110, 1024), nn.BatchNorm1d(1024)
        self.linear1, self.norm1 = nn.Linear(1034, 128 * 7 * 7), nn.BatchNorm1d(128 * 7 * 7)
        self.deconv2, self.norm2 = deconv(138, 128), nn.BatchNorm2d(128)
        self.deconv3 = deconv(138, 1)

    def forward(self, z, y):
        x = F.relu(self.norm0(self.linear0(with_labels(z, y))))
        x = F.relu(self.norm1(self.linear1(with_labels(x, y))))
        x = x.view(-1, 128, 7, 7).contiguous(memory_format=torch.channels_last)
        x = F.relu(self.norm2(self.deconv2(with_labels(x, y))))
        return torch.sigmoid(self.deconv3(with_labels(x, y)))


class ConditionalDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0 = conv(11, 11)
        self.conv1, self.norm1 = conv(21, 74), nn.BatchNorm2d(74)
        self.linear2, self.norm2 = nn.Linear(74 * 7 * 7 + 10, 1024), nn.BatchNorm1d(1024)
        self.linear3 = nn.Linear(1034, 1)

    def forward(self, x, y):
        x = F.leaky_relu(self.conv0(with_labels(x, y)), 0.2)
        x = F.leaky_relu(self.norm1(self.conv1(with_labels(x, y))), 0.2).flatten(1)
        x = F.leaky_relu(self.norm2(self.linear2(with_labels(x, y))), 0.2)
        return self.linear3(with_labels(x, y))


class Peer:
    """Both networks, their optimizers, and random images [B, H, W, C] that every iteration trains on.

    Args:
      compiled: the networks by torch.compile.
      captured: the iteration becomes a CUDA graph, in which autocast must not keep converted weights.
    """

    def __init__(
        self, dataset: str, precision: str, batch_size: int, device: str, compiled: bool = False, captured: bool = False
    ):
        size, channels, classes = SHAPES[dataset]
        self.conditional = bool(classes)
        self.batch_size = batch_size
        self.device = device
        generator = (ConditionalGenerator if classes else Generator)()
        discriminator = (ConditionalDiscriminator if classes else Discriminator)()
        self.generator = generator.to(device, memory_format=torch.channels_last)
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)
        adam = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True, "capturable": captured}
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), **adam)
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), **adam)
        if compiled:
            self.generator.compile()
            self.discriminator.compile()
        shape = (batch_size, size, size, channels)
        self.images = torch.randint(256, shape, dtype=torch.uint8, device=device)
        self.labels = torch.randint(max(len(classes), 1), (batch_size,), device=device)
        self.one_hot = torch.eye(max(len(classes), 1), device=device)  # F.one_hot waits for the GPU
        enabled = precision == "bfloat16"
        self.autocast = {"dtype": torch.bfloat16, "enabled": enabled, "cache_enabled": not captured}

    def iteration(self) -> torch.Tensor:
        """Train one iteration. Return d_loss, without waiting for it."""
        images = self.images.permute(0, 3, 1, 2).float() / 255  # channels last already
        images = images if self.conditional else 2 * images - 1
        y = self.one_hot[self.labels] if self.conditional else None
        z = torch.rand(self.batch_size, 100, device=self.device) * 2 - 1
        with torch.autocast(self.device, **self.autocast):
            fake = self.generator(z, y)
            d_loss = loss(self.discriminator(images, y), 1.0) + loss(self.discriminator(fake.detach(), y), 0.0)
        self.d_optimizer.zero_grad()
        d_loss.backward()
        self.d_optimizer.step()
        self.discriminator.requires_grad_(False)  # G's updates need no gradients of D's weights
        for update in range(2):
            with torch.autocast(self.device, **self.autocast):
                g_loss = loss(self.discriminator(fake if update == 0 else self.generator(z, y), y), 1.0)
            self.g_optimizer.zero_grad()
            g_loss.backward()
            self.g_optimizer.step()
        self.discriminator.requires_grad_(True)
        return d_loss.detach()


def loss(logits: torch.Tensor, target: float) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, target, dtype=torch.float32))


def train_step(options: argparse.Namespace):
    """A function that runs one iteration and waits for its end."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    peer = Peer(options.dataset, options.precision, options.batch_size, device, compiled=options.compile)
    return lambda: peer.iteration().item()


def main() -> None:
    parser = peer_parser(__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    options = parser.parse_args()
    time_peer(train_step(options), options.turns)


if __name__ == "__main__":
    main()
