"""The identity of the process: no capabilities, and a user id of its own if the worker is privileged."""

from __future__ import annotations

import ctypes
import os
import struct

from workers.sandbox.kernel import PR_CAP_AMBIENT, PR_SET_KEEPCAPS, Missing, error, libc, prctl

_VERSION_3 = 0x20080522
_RAISE = 2
DAC_READ_SEARCH = 2


def give_up_capabilities(kept: int = 0) -> None:
    """Give up all capabilities except those in `kept`, for this process and every program that it executes.

    Args:
        kept: a bit mask of capabilities 0 to 31.

    Raises:
        Missing: the kernel refuses.
    """
    header = struct.pack("Ii", _VERSION_3, 0)
    low, high = struct.pack("III", kept, kept, kept), struct.pack("III", 0, 0, 0)
    if libc.capset(ctypes.c_char_p(header), ctypes.c_char_p(low + high)):
        raise Missing(f"capabilities cannot be given up: {error()}")


def become(user: int, *, may_search: bool) -> None:
    """Take a user id and a group id that nobody else has.

    Args:
        user: the number of both ids.
        may_search: whether to keep the right to read and search whatever the file modes say. With it, a toolchain in a
            private home folder works; Landlock still decides what may be read.
    """
    kept = 1 << DAC_READ_SEARCH if may_search else 0
    if kept and not prctl(PR_SET_KEEPCAPS, 1):
        raise Missing(f"the right to search folders cannot be kept: {error()}")
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as failure:
        raise Missing(f"the worker cannot give its REPL the user id {user}: {failure.strerror}") from failure
    give_up_capabilities(kept)
    if kept and not prctl(PR_CAP_AMBIENT, _RAISE, DAC_READ_SEARCH):
        raise Missing(f"the right to search folders cannot be passed on: {error()}")
