"""The one exception for what a user can mend."""


class UserError(Exception):
    """Wrong flags, files or data; main.py prints its one sentence and exits with 1."""
