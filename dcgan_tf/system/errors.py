"""The exception for errors that a user can fix, and how the texts of others become parts of a sentence."""

from __future__ import annotations

import re

# What Keras and TensorFlow write before the error of a layer or of a compiled function
PLACE = re.compile(r"Exception encountered when|Graph execution error|Detected at node|<stack traces|\s*File \"")
NAMES = re.compile(r"\{\{.*?\}\} *|\[Op:.*|\x1b\[\d*m")  # of nodes, and what makes letters bold


class UserError(Exception):
    """Wrong flags, files or data. main.py prints its one sentence and exits with 1."""


def reason(error: Exception) -> str:
    """Return the first line of an exception's message, without TensorFlow's node names, as a part of a sentence."""
    inner = getattr(error, "reason", None)  # urllib wraps the error of the network
    error = inner if isinstance(inner, Exception) else error
    text = NAMES.sub("", getattr(error, "strerror", None) or str(error)).strip()
    lines = [line.strip(" .") for line in text.splitlines() if line.strip() and not PLACE.match(line)]
    return next(iter(lines), type(error).__name__)


def printable(text: str) -> str:
    """Replace what a terminal cannot show, such as control characters in a file's name, by question marks."""
    return "".join(c if c.isprintable() else "?" for c in text)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: no images, 1 image, 2,000 images, 10 classes."""
    if count == 1:
        return f"1 {noun}"
    number = f"{count:,}" if count else "no"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
