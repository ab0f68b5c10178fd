"""python main.py --dataset mnist --train: parse the flags, then train a run or use one."""

from __future__ import annotations

import dataclasses
import signal
import sys

import flags
from dcgan_tf.errors import UserError
from dcgan_tf.runs import Runs
from dcgan_tf.startup import start_tensorflow


def main(argv: list[str]) -> None:
    """Run one command. Raises UserError."""
    command = flags.parse(argv)
    runs = Runs(command.out_dir, command.checkpoint_dir, command.sample_dir)
    new = command.train and not command.resume
    run = None if new else runs.find(command.config.dataset, command.out_name, command.given)
    start_tensorflow()
    if command.train:
        from dcgan_tf import train

        train.begin(command.config, runs, command.out_name) if new else train.resume(run, command.given)
    else:
        from dcgan_tf.visualize import visualize

        print(f"Run: {run.checkpoints}")
        given = {name: command.given[name] for name in ("seed", "batch_size") if name in command.given}
        visualize(run, dataclasses.replace(run.config(), **given), command.option if command.visualize else 0)


if __name__ == "__main__":
    # Ends like an exception, so that nothing is left half-written; training takes both signals over.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        main(sys.argv)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        print(
            f"Error: {error}; check that the path can be read and written, and that its disk has room.", file=sys.stderr
        )
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        raise SystemExit(130) from None
