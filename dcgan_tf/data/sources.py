"""What every kind of data set becomes: a source of images that are not yet decoded, or of arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

import numpy as np

Part = TypeVar("Part")


class Item(NamedTuple):
    """One image that is not yet decoded."""

    name: str  # for messages
    data: Path | bytes | np.ndarray  # its file, its encoded bytes, or its uint8 pixels [H, W] or [H, W, 3]
    label: int  # 0 if there are no classes


@dataclass(frozen=True)
class Source:
    """All images of a data set."""

    location: str  # for messages
    items: Iterable[Item]
    count: int
    class_names: tuple[str, ...] = ()  # empty unless every image has a class
    unlabelled: str = "some have none"  # which images have no class, as a part of a sentence
    has_test: bool = False  # whether it has both a train and a test split
    held_out: bool = False  # whether --hold_out has made its test split
    files: Sequence[str | Path] = ()  # what the items are decoded from, and what else tells their labels, if it exists
    missed: int = 0  # files that may be images and are not read
    # Of idx files: all images, uint8 [N, H, W] or [N, H, W, 3], and labels, int32 [N], shuffled once and for all
    arrays: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of an image, (height, width) or (height, width, 3), if it is known before it is decoded."""
        return self.arrays and self.arrays[0].shape[1:]


def fits(pattern: str) -> Callable[[str], bool]:
    """Return what says whether a path fits a pattern of shells: *, ?, [ab], {a,b}, **/. A blank one fits all.

    Upper and lower case are alike, and of folders the last ones count: *.png fits a/b/1.PNG.
    """
    pattern = re.sub(r"\*\*$", "**/*", pattern.lower())
    patterns = [pattern.replace("**/", "{,*/,*/*/,*/*/*/}")]
    while braces := re.search(r"\{([^{}]*,[^{}]*)\}", patterns[0]):
        first = patterns.pop(0)
        patterns += [first.replace(braces[0], inside, 1) for inside in braces[1].split(",")]
    patterns.append(pattern)  # a name can have braces
    patterns = [one for one in patterns if PurePath(one).parts]
    return lambda path: not patterns or any(map(PurePath(path.lower()).match, patterns))


def choose(parts: Mapping[Part, str], split: str) -> tuple[list[Part], bool]:
    """Return the parts of a data set that a split names, and whether there are both train and test; else all parts.

    Args:
      parts: train or test, for each part; any other text if it counts only for all.
      split: all, train or test.
    Returns: (parts in the given order, whether there are both).
    """
    has_test = {"train", "test"} <= set(parts.values())
    if not has_test or split == "all":
        return list(parts), has_test
    return [part for part, name in parts.items() if name == split], has_test
