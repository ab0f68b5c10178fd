"""The one exception for what a user can mend."""


class UserError(Exception):
    """Wrong flags, files or data; main.py prints its one sentence and exits with 1."""


def reason(error: Exception) -> str:
    """What an exception says, as a part of one sentence."""
    inner = getattr(error, "reason", None)  # urllib wraps the network's own error
    error = inner if isinstance(inner, Exception) else error
    text = getattr(error, "strerror", None) or str(error)
    return (text.strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
