"""python -m benchmarks.gpu.run_torch: time the peer in PyTorch on a GPU. benchmarks/gpu/run.py calls it.

The ways: eager; compile (both networks by torch.compile); graph (the whole iteration is one CUDA graph); compile_graph.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.gpu.rows import Row, add, speed, timed
from benchmarks.peers.torch_dcgan import Peer

WAYS = ("graph", "eager", "compile_graph", "compile")
CALLS = 10  # iterations between two reads of the loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifests", nargs="+", type=Path, metavar="NAME.json", help="exported steps, for their sizes")
    parser.add_argument("--rows", type=Path, required=True, help="file that the rows are added to")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each timing")
    parser.add_argument("--until", type=float, default=1e9, help="begin nothing further after so many seconds")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parser.parse_args()
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    add(options.rows, {"device": device, "torch": torch.__version__})
    torch.backends.cudnn.benchmark = True  # try out algorithms, as XLA does
    for way in options.ways:
        for manifest in options.manifests:
            if time.perf_counter() - STARTED > options.until:
                add(options.rows, {"left_out": manifest.stem, "program": f"torch {way}"})
                continue
            try:
                measure(json.loads(manifest.read_text()), way, options)
            except Exception as error:  # the others are measured all the same
                row = {"error": f"{type(error).__name__}: {error}"[:2000], "name": manifest.stem, "way": way}
                add(options.rows, row)


def measure(manifest: Row, way: str, options: argparse.Namespace) -> None:
    """Add the rows of one step, run in one way."""
    set_precision(manifest["precision"])
    torch.compiler.reset()
    torch.manual_seed(0)
    started = time.perf_counter()
    network = manifest["name"].split("_")[0]
    arguments = (network, manifest["precision"], manifest["batch_size"], options.device)
    peer = Peer(*arguments, compiled=way.startswith("compile"), captured=way.endswith("graph"))
    iteration = peer.iteration
    if way.endswith("graph"):
        iteration = captured(peer.iteration)
    if not math.isfinite(iteration().item()):
        raise ValueError("the loss is not a number")
    seconds = round(time.perf_counter() - started, 1)
    host = [torch.randint_like(peer.images, 256, device="cpu") for _ in range(4)]

    def train(count: int, fed: bool) -> None:
        for number in range(count):
            if fed:
                peer.images.copy_(host[number % len(host)])
            d_loss = iteration()
        d_loss.item()

    said = {"time": f"torch {way}"} | {name: manifest[name] for name in ("name", "precision", "batch_size")}
    for mode, count, fed in (("one", 1, False), ("ten", CALLS, False), ("fed", CALLS, True)):
        times = timed(functools.partial(train, count, fed), options.seconds, count)
        add(options.rows, said | {"mode": mode, "seconds_before": seconds} | speed(times, manifest))


def set_precision(precision: str) -> None:
    """Allow TF32 or not, in matrix products and in cuDNN: TensorFlow has one switch for both."""
    torch.set_float32_matmul_precision("highest" if precision == "float32" else "high")
    torch.backends.cudnn.allow_tf32 = precision != "float32"


def captured(iteration: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """Return a function that replays the iteration as one CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            iteration()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        d_loss = iteration()

    def replay() -> torch.Tensor:
        graph.replay()
        return d_loss

    return replay


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
