"""Descriptors: how many files and connections this process may have open."""

from __future__ import annotations

import contextlib
import resource
import sys


def raise_limit() -> None:
    """Raise the limit on open files and connections to what the system grants, for this process and all that it starts.

    A login session usually begins with a limit of 1024, because of programs that use select(). The system allows far
    more.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS reports an unlimited maximum, but refuses to set it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def limit() -> int:
    """Return how many files and connections this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
