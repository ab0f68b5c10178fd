"""How much memory a process has used."""

from __future__ import annotations

import sys


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes; 0 on Windows without psutil."""
    try:
        import resource
    except ImportError:
        return _peak_on_windows()
    unit = 1024
    if sys.platform == "darwin":
        unit = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _peak_on_windows() -> int:
    try:
        import psutil

        return psutil.Process().memory_info().peak_wset
    except (ImportError, AttributeError):
        return 0
