"""Closes the connections that a worker's process inherits from its parent."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import stat
from pathlib import Path

_STANDARD = 3  # lower descriptors (stdin, stdout, stderr) may be sockets of the system's log


def let_go_of_connections() -> None:
    """Make every process that this one forks close its inherited connections at once.

    To replace a dead process, the parent forks a new one while the parent is connected. The child then holds copies of
    the parent's sockets. If the parent closes a socket of which the child holds a copy, the parent's epoll still
    reports the events of the copy. It reports them under the old descriptor number, which may belong to another socket
    by then. The parent would wait on the wrong socket.

    The child must close its copies during the fork. Parent and child share the epoll, so a child that closed them later
    might first remove the parent's sockets from the epoll.
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
                # The number must stay in use: the object that owns the descriptor will close that number some day.
                os.dup2(null, int(path.name), inheritable=False)
    os.close(null)


def _is_connection(descriptor: int) -> bool:
    """Whether a descriptor is a connection. A connection that was lost counts, too.

    Celery's own pipes and socket pairs have no address, and do not count.
    """
    if descriptor < _STANDARD or not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.type != socket.SOCK_STREAM:
            return False
        return copy.family in (socket.AF_INET, socket.AF_INET6) or bool(copy.getpeername())
