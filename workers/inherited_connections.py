"""Closes the connections that a worker's process inherits from its parent."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import stat
from pathlib import Path

_STANDARD = 3  # lower descriptors may be sockets of a log's journal


def let_go_of_connections() -> None:
    """Make every process that this one forks close its inherited connections at once.

    A process that replaces a dead one is forked while its parent is connected. If the parent closes a socket of which
    the child holds a copy, the parent's epoll still reports the socket's events, under a number that means another
    socket by then. The parent then waits on the wrong socket. The copies have to be closed in the fork itself: parent
    and child share the epoll, and later the child may already have removed the parent's sockets from it.
    """
    os.register_at_fork(after_in_child=functools.partial(_let_go, os.getpid()))


def _let_go(parent: int) -> None:
    if os.getppid() != parent:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for path in list(Path("/dev/fd").iterdir()):
        # One of the descriptors belonged to the listing itself, and is closed by now.
        with contextlib.suppress(OSError):
            if _is_connection(int(path.name)):
                # The number stays in use, because the object that owns the descriptor will close it some day.
                os.dup2(null, int(path.name), inheritable=False)
    os.close(null)


def _is_connection(descriptor: int) -> bool:
    """Whether a descriptor is a connection, or was one: Celery's own pipes and socket pairs have no address."""
    if descriptor < _STANDARD or not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.type != socket.SOCK_STREAM:
            return False
        return copy.family in (socket.AF_INET, socket.AF_INET6) or bool(copy.getpeername())
