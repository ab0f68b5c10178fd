"""Kill a training with SIGKILL at random moments, again and again: python tests/soak_kill.py --kills 100

After every kill all checkpoints that are there must be whole, and no more than ckpt_freq iterations lost.
At the end the run is finished, and must be bit for bit the same as one that was never killed.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from dcgan_tf.system.startup import start_tensorflow  # noqa: E402

start_tensorflow()

import tensorflow as tf  # noqa: E402
from compare_runs import assert_same_run  # noqa: E402

from dcgan_tf.runs.run import complete_checkpoints  # noqa: E402

CKPT_FREQ = 5
SIZES = ["--gf_dim=4", "--df_dim=4", "--gfc_dim=16", "--dfc_dim=16", "--batch_size=8", "--train_size=160"]
CADENCE = [f"--ckpt_freq={CKPT_FREQ}", "--sample_freq=1", "--log_freq=3", "--max_to_keep=1"]


def main(kills: int, seed: int, data_dir: Path) -> None:
    """Run the soak; AssertionError where something was lost."""
    moments, started = random.Random(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)

        def start(name: str, *args: str) -> subprocess.Popen:
            command = [sys.executable, ROOT / "main.py", "--dataset=mnist", "--train", f"--data_dir={data_dir}"]
            command += [f"--out_name={name}", *SIZES, *CADENCE, *args]
            return subprocess.Popen(command, cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        lost = temporaries = 0
        samples, checkpoints = out / "samples" / "killed", out / "checkpoints" / "killed"
        for kill in range(kills):
            reached = last_sheet(samples)
            process = start("killed", "--epoch=100000", *(["--resume"] if kill else []))
            while last_sheet(samples) <= reached and process.poll() is None:
                time.sleep(0.01)
            assert process.poll() is None, "the training ended by itself"
            time.sleep(moments.uniform(0, 1.5))
            process.kill()
            process.wait()
            saved, last = iteration_of(checkpoints), last_sheet(samples)
            lost = max(lost, last - saved)
            temporaries = max(temporaries, len(leftovers(out)))
            assert last - saved <= CKPT_FREQ, f"iteration {last} was reached, and {saved} is the last saved"
            print(f"kill {kill + 1:3}: reached {last:5}, saved {saved:5}", flush=True)
        epochs = iteration_of(checkpoints) // 20 + 1
        for name, args in (("killed", ["--resume"]), ("whole", [])):
            assert start(name, f"--epoch={epochs}", *args).wait() == 0
        assert_same_run(out, "killed", "whole", epochs * 20)
        assert not leftovers(out)
    print(
        f"{kills} kills in {time.monotonic() - started:.0f} s: every checkpoint whole, at most {lost} iterations lost"
        f" (--ckpt_freq {CKPT_FREQ}), at most {temporaries} temporary files at any time and none at the end, the"
        f" finished run of {epochs * 20} iterations bit for bit that of a run never killed"
    )


def last_sheet(samples: Path) -> int:
    return max((int(file.stem[6:]) for file in samples.glob("train_*.png")), default=0)


def iteration_of(checkpoints: Path) -> int:
    """The iteration from which --resume continues, 0 before the first checkpoint; all must be readable.

    TensorFlow's index names an older one if the kill came between a checkpoint and the index.
    """
    iteration = 0
    for path in complete_checkpoints(checkpoints):
        reader = tf.train.load_checkpoint(path)
        values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        iteration = int(values["iteration/.ATTRIBUTES/VARIABLE_VALUE"])
    return iteration


def leftovers(out: Path) -> list[Path]:
    """Temporary files: ours, and what TensorFlow writes before it renames."""
    return [f for f in out.rglob("*") if f.name.startswith(".temporary-") or "temp" in f.name.split("model-")[-1]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data_dir", type=Path, default=ROOT / "data")
    arguments = parser.parse_args()
    main(arguments.kills, arguments.seed, arguments.data_dir.absolute())
