"""python -m benchmarks.gpu.run_torch: time the peer in PyTorch on a GPU. benchmarks/gpu/run.py calls it.

The ways: eager; compile (both networks by torch.compile); graph (the whole iteration is one CUDA graph); compile_graph.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.gpu.rows import Row, add, failure, speed, timed
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
    options = parser.parse_args()
    device = "cpu"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    add(options.rows, {"device": device, "torch": torch.__version__})
    torch.backends.cudnn.benchmark = True  # try out algorithms, as XLA does
    for way in options.ways:
        for manifest in options.manifests:
            if time.perf_counter() - STARTED > options.until:
                add(options.rows, {"left_out": manifest.stem, "program": f"torch {way}"})
                continue
            try:
                add(options.rows, measure(json.loads(manifest.read_text()), way, options.seconds))
            except Exception as error:  # the others are measured all the same
                add(options.rows, failure(error, manifest.stem) | {"way": way})


def measure(manifest: Row, way: str, seconds: float) -> Row:
    """Return the row of one step, run in one way. Raises ValueError if the loss is not a number."""
    set_precision(manifest["precision"])
    torch.compiler.reset()
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = manifest["name"].split("_")[0]
    sizes = (network, manifest["precision"], manifest["batch_size"], device)
    iteration = Peer(*sizes, compiled=way.startswith("compile"), captured=way.endswith("graph")).iteration
    if way.endswith("graph"):
        iteration = captured(iteration)
    if not math.isfinite(iteration().item()):
        raise ValueError("the loss is not a number")

    def train() -> None:
        for _ in range(CALLS):
            d_loss = iteration()
        d_loss.item()

    said = {"time": f"torch {way}", "mode": "ten"} | {key: manifest[key] for key in ("name", "precision", "batch_size")}
    return said | speed(timed(train, seconds, CALLS), manifest)


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
