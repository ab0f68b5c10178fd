"""Damage the files of a run, one at a time: python tests/soak_run_files.py --inputs 10000

Each file is cut at each of its bytes, as by a power cut, then random bytes of it are changed. There must be no
exception but UserError with one sentence, the model files must stay, and what is read must be what was written; but
changed values in the cache are not noticed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from dcgan_tf.system.startup import start_tensorflow  # noqa: E402

start_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from dcgan_tf.model import DCGAN  # noqa: E402
from dcgan_tf.runs.checkpoint import Checkpoints, read  # noqa: E402
from dcgan_tf.runs.run import Runs  # noqa: E402
from dcgan_tf.sampling.story import read_losses  # noqa: E402
from dcgan_tf.settings.config import Config  # noqa: E402
from dcgan_tf.system.cache import DiskCache  # noqa: E402
from dcgan_tf.system.errors import UserError  # noqa: E402
from dcgan_tf.training.curves import remove_points_after  # noqa: E402

CONFIG = Config(dataset="tiny", output_height=8, output_width=8, c_dim=1, gf_dim=1, df_dim=1, z_dim=1, batch_size=1)
ITERATIONS = (2, 4)  # of the run's checkpoints


class Victim:
    """A run with all of its files, which the checks of one damage after the other leave as they were."""

    def __init__(self, folder: Path):
        self.run = Runs(str(folder)).create(CONFIG, "run")
        self.model = DCGAN(CONFIG)
        self.checkpoints = Checkpoints(self.model, self.run.folder, 9)
        writer = tf.summary.create_file_writer(str(self.run.logs_folder))
        for iteration in ITERATIONS:
            self.model.iterations.assign(iteration)
            self.checkpoints.save()
            with writer.as_default(step=iteration):
                for name in ("d_loss", "d_loss_real", "d_loss_fake", "g_loss"):
                    tf.summary.scalar(name, float(iteration))
        writer.close()
        self.cache = DiskCache(folder / "cache", 1)
        self.cached = {"images": np.arange(60, dtype=np.float32)}
        self.cache.save("prepared", "entry", self.cached)
        (events,) = self.run.logs_folder.iterdir()
        self.files = {  # with the check for each
            "FLAGS.json": (self.run.flags_file, self.read_flags),
            "model-4.index": (self.run.folder / "model-4.index", self.read_model),
            "model-4.data": (self.run.folder / "model-4.data-00000-of-00001", self.read_model),
            "events": (events, self.read_events),
            "cache": (self.cache.folder / "prepared" / "entry" / "images.npy", self.read_cache),
        }

    def read_flags(self) -> str:
        assert isinstance(self.run.config(), Config)
        return "read"

    def read_model(self) -> str:
        self.model.iterations.assign(0)
        path = self.checkpoints.restore()
        iteration = self.model.iterations_done
        assert path == str(self.run.folder / f"model-{iteration}") and iteration in ITERATIONS, path
        state = self.model.state()
        origin, arrays = read(self.run, False, 0)
        assert origin.iteration in ITERATIONS and len(arrays) > 10
        assert all((array == state[name].numpy()).all() for name, array in arrays.items())
        return f"iteration {iteration} restored"

    def read_events(self) -> str:
        losses = read_losses(self.run.logs_folder)
        reached = max(losses["iteration"], default=0)
        remove_points_after(self.run.curves(), 2)
        left = max(read_losses(self.run.logs_folder)["iteration"], default=0)
        assert reached in (0, *ITERATIONS) and left == min(reached, 2), reached
        assert all((values == losses["iteration"]).all() for values in losses.values()), losses
        return f"{len(losses['iteration'])} points"

    def read_cache(self) -> str:
        arrays = self.cache.load("prepared", "entry")
        if arrays is None:
            self.cache.save("prepared", "entry", self.cached)
            return "computed again"
        assert arrays["images"].nbytes == self.cached["images"].nbytes  # changed values are not noticed
        return "read"


def damaged(content: bytes, inputs: int, choose: random.Random) -> Iterator[bytes]:
    """Yield the content cut at each byte, or at random ones if there are too many, then with random bytes changed."""
    cuts = choose.sample(range(len(content)), min(len(content), inputs // 2))
    for size in cuts:
        yield content[:size]
    for _ in range(inputs - len(cuts)):
        changed = bytearray(content)
        for _ in range(choose.choice((1, 1, 2, 8))):
            changed[choose.randrange(len(changed))] = choose.randrange(256)
        yield bytes(changed)


def soak(kind: str, inputs: int, seed: int) -> Counter[str]:
    """Damage one kind of file so many times. Returns how often each outcome came; AssertionError if one is wrong."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file, check = Victim(Path(name)).files[kind]
        whole = file.read_bytes()
        others = {other: other.read_bytes() for other in file.parent.glob("model-*") if other != file}
        for content in damaged(whole, inputs, random.Random(seed)):
            file.write_bytes(content)
            try:
                outcomes[check()] += 1
            except UserError as error:
                assert str(error).endswith(".") and "\n" not in str(error), str(error)
                outcomes["one sentence"] += 1
            except Exception as error:
                raise AssertionError(f"{kind}: {content!r}") from error
            assert all(other.read_bytes() == before for other, before in others.items()), content
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(whole)
    return outcomes


KINDS = ("FLAGS.json", "model-4.index", "model-4.data", "events", "cache")

if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for kind in KINDS:
        started = time.monotonic()
        outcomes = soak(kind, arguments.inputs, arguments.seed)
        print(f"{kind}: {time.monotonic() - started:.0f} s, {dict(outcomes)}", flush=True)
