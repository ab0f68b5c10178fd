"""python main.py --dataset mnist --train: parse the flags, then train a run or use one."""

from __future__ import annotations

import dataclasses
import signal
import sys
from pathlib import Path

import flags
from dcgan_tf import cli_values
from dcgan_tf.config import Config
from dcgan_tf.errors import UserError
from dcgan_tf.runs import Run, Runs
from dcgan_tf.startup import start_tensorflow

# Settings that say something beside a trained run; the others are the run's own.
RUN_OVERRIDES = ("seed", "batch_size", "data_dir", "input_fname_pattern", "cache_gb", "cache_dir", "evaluate_samples")


def main(argv: list[str]) -> None:
    """Run one command. Raises UserError."""
    command = flags.parse(argv)
    runs = Runs(command.out_dir, command.checkpoint_dir, command.sample_dir)
    folder = runs.named(command.out_name).checkpoints if command.out_name else None
    begun = not folder or any((folder / file).exists() for file in ("FLAGS.json", "checkpoint"))
    new = command.name == "train" and not (command.resume and begun)
    if new and command.resume:
        print(f"There is no run {command.out_name} yet: it begins now.")
    run = None if new or command.checkpoint else runs.find(command.config.dataset, command.out_name, command.given)
    start_tensorflow()
    sizes = {}
    if command.checkpoint:
        from dcgan_tf import tf1_checkpoint

        sizes = tf1_checkpoint.sizes(command.checkpoint, command.given)
    if command.name == "train":
        from dcgan_tf.training import loop

        if new:
            loop.train_new(command.config, runs, command.out_name, command.checkpoint, sizes)
        else:
            loop.resume(run, command.given)
    elif command.checkpoint:
        run = runs.named(command.out_name or Path(tf1_checkpoint.prefix(command.checkpoint)).name)
        run = dataclasses.replace(run, original=command.checkpoint)
        use(command, run, dataclasses.replace(command.config, **sizes))
    else:
        print(f"Run: {run.checkpoints}")
        use(command, dataclasses.replace(run, best=command.best), run.config())


def use(command: flags.Command, run: Run, config: Config) -> None:
    """Every command but --train: what a trained run, or a checkpoint of the original, can give. Raises UserError."""
    given = {name: command.given[name] for name in RUN_OVERRIDES if name in command.given}
    config = dataclasses.replace(config, **{"seed": 0, **given})
    classes = cli_values.classes(command.classes, config.class_names)
    if command.name == "story":
        from dcgan_tf.generation.report import report

        return report(run)
    if command.name == "evaluate":
        from dcgan_tf.evaluation.evaluate import evaluate

        return evaluate(run, config)
    if command.name == "features":
        from dcgan_tf.evaluation.features import write_features

        return write_features(run, config, Path(command.features))
    if command.name in ("export", "freeze"):
        from dcgan_tf.generation import export

        return getattr(export, command.name)(run, config)
    if command.name == "web":
        from dcgan_tf.generation.web_page import write_page

        return write_page(run, config, command.web_float16)
    from dcgan_tf import checkpoint
    from dcgan_tf.generation import generate
    from dcgan_tf.generation.visualize import visualize

    generator, path = checkpoint.load_generator(run, config)
    print(f"Generator: {path}")
    whole = command.name in ("", "visualize")  # sheets and films of batch_size pictures each
    batch = min(config.batch_size, generate.BATCH) if whole else generate.BATCH
    made = generate.make_sample_fn(generator, config, batch), run, config
    match command.name:
        case "generate_test_images":
            generate.write_images(*made, command.generate_test_images, classes)
        case "grid":
            generate.write_grid(*made, command.grid, classes)
        case "interpolate":
            generate.write_interpolation(*made, command.interpolate, command.steps, classes)
        case "arithmetic":
            generate.write_arithmetic(*made, command.arithmetic, classes)
        case _:
            visualize(*made, command.option if command.name else 0, command.dims, classes)


stopped: list[int] = []  # the signal that ends the program


def stop(number: int, frame: object = None) -> None:
    """End like an exception, so that nothing is left half-written; training takes both signals over.

    In some callbacks, TensorFlow's among them, Python drops an exception that a signal raises or makes another of it:
    it is raised again each second until it is heard.
    """
    stopped.append(number)
    signal.signal(signal.SIGALRM, lambda *_: stop(number))
    signal.setitimer(signal.ITIMER_REAL, 1)
    raise SystemExit


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        main(sys.argv)
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        print(f"Error: {error}; check that it can be read and written, and that its disk has room.", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:  # the second one while training
        raise SystemExit(130) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if stopped:
            sys.exit(128 + stopped[0])
