"""The few kernel calls that Python has no function for."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47

libc = ctypes.CDLL(None, use_errno=True)


class Missing(Exception):
    """A layer of the sandbox cannot be set up here; the text is a sentence for the operator."""


def error() -> str:
    """Return the error of the last call of `libc`, in words."""
    return os.strerror(ctypes.get_errno())


def syscall(number: int, *arguments: object) -> int:
    """Make a system call; a result of -1 is a failure, and `error()` says which."""
    return int(libc.syscall(ctypes.c_long(number), *arguments))


def prctl(option: int, *arguments: object) -> bool:
    """Call `prctl`, and return whether it succeeded."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    wide = [each if isinstance(each, ctypes._SimpleCData) else ctypes.c_ulong(each) for each in padded]  # type: ignore[arg-type]
    return int(libc.prctl(option, *wide)) == 0
