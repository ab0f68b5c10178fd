"""The one exception for what a user can mend, and the plain part of what libraries raise."""

from __future__ import annotations

import re


class UserError(Exception):
    """Wrong flags, files or data; main.py prints its one sentence and exits with 1."""


def reason(error: Exception) -> str:
    """The first line of an exception's text, without TensorFlow's names of nodes and ops and without the full stop."""
    text = re.sub(r"\{\{.*?\}\} *|\[Op:.*", "", str(error)).strip()
    return text.splitlines()[0].strip(" .") if text else type(error).__name__
