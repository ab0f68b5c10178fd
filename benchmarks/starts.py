"""python benchmarks/starts.py: the seconds of each command's start, and how many of them are TensorFlow's own.

Each command does as little as it can, on the pretrained digits. The commands take turns; the table has medians.

With --trainings: the seconds until a training's first iteration is done, on the demo's images. The rest are flags of
it, as in `python benchmarks/starts.py --trainings --xla on --gf_dim 8`. The cache is empty before the first start.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

TENSORFLOW = "import tensorflow, keras"
COMMANDS = {
    "TensorFlow and Keras": ["-c", TENSORFLOW],
    "import dcgan_tf": ["-c", "import dcgan_tf"],
    "--help": ["--help"],
    "a wrong flag": ["--batchsize", "3"],
    "load and one image": ["-c", "import dcgan_tf; dcgan_tf.load('pretrained:mnist').generate(1)"],
    "--generate_test_images 1": ["--dataset=mnist", "--pretrained", "--generate_test_images=1"],
    "--grid 1x1": ["--dataset=mnist", "--pretrained", "--grid=1x1"],
    "--interpolate 0,1": ["--dataset=mnist", "--pretrained", "--interpolate=0,1"],
    "--freeze": ["--dataset=mnist", "--pretrained", "--freeze"],
    "--web": ["--dataset=mnist", "--pretrained", "--web"],
}

# Runs the program, and prints a line when the first iteration is done.
TRAINING = """
import sys
from dcgan_tf.cli import flags
from dcgan_tf.system.signals import run_program
from dcgan_tf.training import start
request = flags.parse(["main.py", "--train", "--log_freq=1", *sys.argv[1:]])
say = lambda losses: print("iteration", file=sys.__stdout__, flush=True)
run_program(lambda: start.train(request.runs, request.out_name, request.given, request.chosen, (say, None)))
"""
TRAININGS = {  # each ends after some iterations
    "new run, empty cache": ["--out_name=first", "--iterations=2"],
    "new run": ["--out_name=second", "--iterations=2"],
    "--resume": ["--out_name=second", "--resume", "--iterations=3"],
    "--init_from": ["--out_name=third", "--init_from=first", "--iterations=2"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="How long does each command take to start?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trainings", action="store_true", help="until a training's first iteration")
    options, flags = parser.parse_known_args()
    if options.trainings:
        time_trainings(flags)
    else:
        time_commands(options.rounds)


def time_trainings(flags: list[str]) -> None:
    """Print the seconds until the first iteration of each training in turn. Args: flags: of all of them."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "dcgan_tf.download", "demo"], cwd=folder, capture_output=True, check=True)
        for name, arguments in TRAININGS.items():
            places = ["--dataset=demo", f"--out_dir={folder}", f"--cache_dir={folder}/cache"]
            command = [sys.executable, "-c", TRAINING, *places, *arguments, *flags]
            start = time.perf_counter()
            with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
                said = []
                for line in process.stdout:
                    said.append(line)
                    if line == "iteration\n":
                        print(f"{name:28} {time.perf_counter() - start:6.2f} s", flush=True)
                        break
                said += process.communicate()[0]
            if process.returncode:
                raise SystemExit("".join(said))


def time_commands(rounds: int) -> None:
    """Print a table of all commands."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, arguments in COMMANDS.items():
                times[name].append(seconds(arguments, folder))
    base = statistics.median(times["TensorFlow and Keras"])
    print(f"{'':28} seconds (lowest to highest)   more than TensorFlow")
    for name, each in times.items():
        median = statistics.median(each)
        print(f"{name:28} {median:6.2f}  ({min(each):.2f} to {max(each):.2f}) {median - base:16.2f}")


def seconds(arguments: list[str], folder: str) -> float:
    """Run Python with the arguments, or the program if they are flags; return its seconds."""
    command = [sys.executable, *arguments]
    if arguments[0] != "-c":
        command = [sys.executable, "-m", "dcgan_tf", *arguments]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, capture_output=True, check=arguments[0] != "--batchsize")
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
