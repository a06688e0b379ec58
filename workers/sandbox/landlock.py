"""Limits the files that this process may touch, by means of Landlock (Linux 5.13 and later).

The limits stay in force, whatever program the process becomes. Access that no rule allows is denied. Landlock's
features come in ABI versions; the newest version that the kernel has is used.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys

from workers.sandbox.kernel import Missing, error, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The same numbers on every machine (include/uapi/asm-generic/unistd.h).
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_ABI = 1
_PATH_BENEATH = 1

# include/uapi/linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_REG = 1 << 5, 1 << 8
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1
_ONLY_DIRECTORIES = READ_DIR | REMOVE_FILE | MAKE_REG
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract Unix sockets, signals

READ = READ_FILE | READ_DIR
RUN = READ_FILE | EXECUTE
# A scratch folder may hold no folders, links, sockets or pipes, so that it can be measured and removed in one loop.
SCRATCH = READ | WRITE_FILE | TRUNCATE | REMOVE_FILE | MAKE_REG
DEVICE = READ_FILE | WRITE_FILE


def abi() -> int:
    """Return the kernel's Landlock version.

    Raises:
        Missing: the kernel has no Landlock, or this process is not allowed to ask for it.
    """
    if sys.platform != "linux":  # elsewhere, the number used below stands for another call
        raise Missing("Landlock exists only on Linux: run the Lean workers in a Linux virtual machine")
    found = syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_GET_ABI))
    if found < 1:
        raise Missing(f"this kernel offers no Landlock ({error()}): it needs Linux 5.13 or later with Landlock enabled")
    return found


class Ruleset:
    """Rules that are not in force until `restrict` is called.

    To add a rule, this process opens the rule's path. So add rules while the process still has the right to do so.
    """

    def __init__(self, version: int) -> None:
        self._files = _FIRST_ABI
        for since, right in ((2, REFER), (3, TRUNCATE), (5, IOCTL_DEV)):
            self._files |= right if version >= since else 0
        # A kernel refuses bits that it does not know, but accepts fields that it does not know if they are zero.
        attributes = struct.pack("QQQ", self._files, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
        self._fd = syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
        if self._fd < 0:
            raise Missing(f"Landlock's rules cannot be made: {error()}")

    def allow(self, paths: Sequence[str], rights: int) -> None:
        """Allow these rights at and below each path; a path that cannot be opened is skipped."""
        for path in paths:
            for fd, is_folder in _opened(path):
                granted = rights & self._files & (-1 if is_folder else ~_ONLY_DIRECTORIES)
                rule = struct.pack("=Qi", granted, fd)
                if syscall(_ADD_RULE, ctypes.c_int(self._fd), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0)):
                    raise Missing(f"Landlock's rule for {path} cannot be made: {error()}")

    def restrict(self) -> None:
        """Put the rules in force for this thread, and for every thread and process that it starts.

        The rules stay in force when one of them executes another program. no_new_privs must be set already.
        """
        if syscall(_RESTRICT_SELF, ctypes.c_int(self._fd), ctypes.c_uint(0)):
            raise Missing(f"Landlock's rules cannot be put in force: {error()}")
        os.close(self._fd)


def _opened(path: str) -> Iterator[tuple[int, bool]]:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        yield fd, stat.S_ISDIR(os.fstat(fd).st_mode)
    finally:
        os.close(fd)
