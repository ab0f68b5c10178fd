"""The one exception for what a user can mend, and the plain part of what libraries raise."""

from __future__ import annotations

import re


class UserError(Exception):
    """Wrong flags, files or data; main.py prints its one sentence and exits with 1."""


def reason(error: Exception) -> str:
    """The first line of what an exception says, as a part of one sentence: without TensorFlow's names of nodes."""
    inner = getattr(error, "reason", None)  # urllib wraps the network's own error
    error = inner if isinstance(inner, Exception) else error
    text = re.sub(r"\{\{.*?\}\} *|\[Op:.*", "", getattr(error, "strerror", None) or str(error)).strip()
    return text.splitlines()[0].strip(" .") if text else type(error).__name__
