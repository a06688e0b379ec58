"""Descriptors: how many files and connections this process may have open."""

from __future__ import annotations

import contextlib
import resource
import sys


def raise_limit() -> None:
    """Let this process, and all that it starts, have as many files and connections open as the system grants.

    A login session usually begins with a limit of 1024, for programs that use select(), though far more are allowed.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS reports that there is no limit, and then refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def limit() -> int:
    """Return how many files and connections this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
