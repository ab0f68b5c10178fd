"""Which run, which weights and which settings: the rules for every command, for dcgan_tf.load, and for a training."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dcgan_tf.runs.run import ABOUT, Run, Runs, complete_checkpoints
from dcgan_tf.runs.weights import KINDS, Weights, architecture_in, check_architecture, of_packed, of_pretrained, of_run
from dcgan_tf.settings import options
from dcgan_tf.settings.config import EACH_USE, FIXED, FLAGS_JSON, Asked, Config
from dcgan_tf.settings.resolve import check_given, convert, override
from dcgan_tf.system.errors import UserError, typed
from dcgan_tf.system.messages import report, say
from dcgan_tf.system.startup import start_tensorflow


class Selection(NamedTuple):
    """Trained weights, their settings, and the run whose folders take what is made with them."""

    run: Run
    weights: Weights
    config: Config


def select(runs: Runs, name: str, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> Selection:
    """Choose trained weights. The first of these rules that applies chooses them:

    1. With a checkpoint of the original program: that one. The shapes of its weights give the sizes of the networks.
    2. With pretrained: the run of this data set that comes with the package.
    3. The run of that name, or else the newest run that matches the data set and the architecture in `given`.

    Settings come from the run, except those that can be given with each use.

    Args:
      name: of the run, or blank.
      given: the settings that the user gave.
      chosen: some of `options.WEIGHTS`: checkpoint, best, iteration, weights, pretrained.
    Raises: UserError if there is no such run or checkpoint, or if two choices exclude each other.
    """
    given = check_given(given)
    chosen = convert(chosen, options.WEIGHTS)
    weights = find_weights(runs, name, given, chosen)
    if weights.run:
        say(f"Run: {weights.run.folder}")
    kind = KINDS.get(chosen.get("weights", ""), weights.kind)
    if kind != weights.kind:
        raise UserError(f"The run {weights.name} has no {kind}; leave out --weights, or choose another run.")
    counts = (*EACH_USE, *FIXED, "input_height", "input_width")  # as in the original's lines
    for setting, value in given.items():
        if setting not in counts and value not in (None, "auto", getattr(weights.config, setting)):
            report("Hint", f"--{setting} has no effect here: it counts with --train, and the run keeps its own value.")
    config = override(weights.config, {"seed": 0} | given)  # of images, whatever the seed of the training was
    return Selection(runs.named(name or weights.name), weights, config)


def find_weights(runs: Runs, name: str, given: dict[str, Any], chosen: Mapping[str, Any]) -> Weights:
    """Return the weights that are chosen, by the rules of `select`.

    Args:
      chosen: may also have init_from, which is what dcgan_tf.load takes.
    Raises: UserError if there are none, they have another architecture, or two choices exclude each other.
    """
    found = [option for option in (*options.SOURCES, "best", "iteration") if chosen.get(option)]
    if len(found) > 1:
        raise UserError(f"--{found[0]} and --{found[1]} both choose the weights; give only one of them.")
    if chosen.get("init_from"):
        runs, name, others, chosen = choices_of(chosen["init_from"], runs)
        given = given | check_given(others)
    dataset = given.get("dataset", Asked.dataset)
    checkpoint = chosen.get("checkpoint", "")
    if checkpoint and Path(checkpoint, ABOUT).is_file():
        weights = of_packed(Path(checkpoint))
    elif checkpoint:
        start_tensorflow()
        from dcgan_tf.runs.original import of_original

        weights = of_original(checkpoint, given)
    elif chosen.get("pretrained"):
        weights = of_pretrained(dataset)
    else:
        weights = of_run(
            find_run(runs, dataset, name, given),
            best=chosen.get("best", False),
            iteration=chosen.get("iteration", 0),
            raw=chosen.get("weights") == "raw",
        )
    check_architecture(weights.name, weights.config, given)
    return weights


def choices_of(source: Any, runs: Runs) -> tuple[Runs, str, dict[str, Any], dict[str, Any]]:
    """Understand what dcgan_tf.load takes.

    It is the first of these that there is: pretrained:NAME, the folder of a packed run, that of a run, an original
    checkpoint, the name of a run, a data set.

    Returns: the arguments of `select`: runs, name, given, chosen.
    Raises: UserError if it is not text.
    """
    source = options.SOURCE.convert("source", source)
    name = ""
    given = {}
    chosen: dict[str, Any] = {}
    pretrained = source.removeprefix("pretrained:")
    path = Path(os.path.abspath(source))  # unlike Path.absolute, without ..
    packed = (path / ABOUT).is_file()
    if pretrained != source:
        given["dataset"] = pretrained
        chosen["pretrained"] = True
    elif (path / FLAGS_JSON).is_file() and not packed:  # what is made of it goes around its checkpoint_dir
        runs = Runs(str(path.parent.parent), path.parent.name, runs.sample_dir)
        name = path.name
    elif packed or any(path.glob("*.index")) or path.is_file() or Path(f"{path}.index").is_file():
        chosen["checkpoint"] = str(path)
    elif os.path.basename(source) == source and runs.named(source).flags_file.exists():
        name = source
    else:
        given["dataset"] = source
    return runs, name, given, chosen


def find_run(runs: Runs, dataset: str, name: str, given: Mapping[str, Any], *, resume: bool = False) -> Run:
    """Return the run of that name, or the newest one that has a checkpoint, the data set and the architecture.

    Args:
      given: the settings that the user gave, of which those of the architecture choose the newest run.
      resume: the newest run counts also if it was stopped before its first checkpoint; it begins again.
    Raises: UserError, which lists all runs, if none matches.
    """
    existing = runs.all()
    if name:
        wanted = f"named {name!r}"
        run = runs.named(name)
        if run in existing:
            return run
    else:
        wanted = f"of data set {dataset!r}"
        if "dataset" not in given:
            wanted += " (the default of --dataset)"
        for key, value in architecture_in(given).items():
            wanted += f", {key} {value}"
        for run in existing:
            if not _matches(run, dataset, given):
                continue
            if resume or complete_checkpoints(run.folder):
                return run
            report("Skipped", f"the run {run.name} has no checkpoint.")
    others = ""
    if not resume:
        others = _others(runs, dataset)
    elsewhere = "give the --out_dir of your runs."
    if existing:
        names = ", ".join(run.name for run in existing)
        elsewhere = f"choose one of the existing runs with --dataset, --out_name or --out_dir: {names}."
    raise UserError(f"No trained run {wanted} in {runs.folder}; {others}train one with --train, or {elsewhere}")


def _others(runs: Runs, dataset: str) -> str:
    """Return which weights of others there are for a data set, as a part of a sentence; blank if there are none."""
    advice = ""
    name = glob.escape(os.path.basename(dataset))
    found: list[Path] = []
    for folder in (f"checkpoint/{name}_[0-9]*", f"* - {name} - */checkpoint", f"out/* - {name} - */checkpoint"):
        found += Path(runs.out_dir).glob(f"{folder}/checkpoint")
    if found:
        newest = max(found, key=os.path.getmtime).parent
        advice = f"give --checkpoint {typed(newest)} to use the original program's, or "
    with contextlib.suppress(UserError):  # there is none
        of_pretrained(dataset)
        advice += "add --pretrained to use the one that comes with the program, or "
    return advice


def _matches(run: Run, dataset: str, given: Mapping[str, Any]) -> bool:
    try:
        config = run.config()
    except UserError as error:
        report("Skipped", str(error))
        return False
    moved = override(config, {**given, "dataset": dataset})
    same_name = os.path.normpath(config.dataset) == os.path.normpath(dataset)  # cats is cats/
    same_folder = _folder_of(config) in (_folder_of(moved), os.path.realpath(dataset))
    last_part = dataset == os.path.basename(os.path.normpath(config.dataset))  # cats for ~/Desktop/cats
    only_name = last_part and not os.path.exists(_folder_of(moved))
    same_data = same_name or same_folder or only_name
    return same_data and architecture_in(given).items() <= vars(config).items()


def images_of(config: Asked) -> str:
    """Return a data set as messages name it: the data set 'cats' in <its folder and pattern>."""
    path = os.path.abspath(os.path.join(config.data_dir, config.dataset, config.input_fname_pattern))
    return f"the data set {config.dataset!r} in {path}"


def is_other_data(trained: Asked, used: Asked) -> bool:
    """Return whether settings stand for other images than those of a training.

    A data set of the same name in another folder has moved if its old folder is gone, or has the same images.
    """
    before = _folder_of(trained)
    now = _folder_of(used)
    other_name = os.path.basename(before) != os.path.basename(now)
    if other_name or trained.input_fname_pattern != used.input_fname_pattern:
        return True
    return before != now and _images_in(before) not in (set(), _images_in(now))


def _folder_of(config: Asked) -> str:
    """Return the folder of a data set, which need not exist, without links in its path."""
    return os.path.realpath(os.path.join(config.data_dir, config.dataset))


def _images_in(folder: str) -> set[str]:
    """Return the names of images and folders in a folder, which need not exist."""
    from dcgan_tf.data.decode import EXTENSIONS  # here, because it imports Pillow

    files = Path(folder).glob("[!.]*")
    names = {file.name for file in files if file.suffix.lower() in EXTENSIONS or file.is_dir()}
    return names - {"__MACOSX"}
