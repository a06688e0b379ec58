"""The self-test's programs, in tables by name: attacks by a hostile proof, and actions that an honest Lean needs.

A program returns if its attempt succeeded, and otherwise raises the system's error.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable

from workers.sandbox.calls import ALLOWED, FILTERED, HOSTILE, REFUSED, numbers
from workers.sandbox.kernel import syscall

Facts = dict[str, str]
"""The addresses and paths of the protected objects on the stage; `workers.sandbox.selftest` says what a stage is."""
Program = Callable[[Facts], object]
Table = dict[str, Program]

# The errors that show that an attempt was denied: access to the object is refused, the object is not there (as behind
# bubblewrap), or a limit is reached.
_DENIALS = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EXDEV, errno.EROFS, errno.ENOENT, errno.ESRCH}
_DENIALS |= {errno.EFBIG, errno.EMFILE, errno.EAGAIN, errno.ENOMEM}
_NEWER = "clone3=435/435 io_uring_setup=425/425 openat2=437/437"


class Refused(Exception):
    """An attempt failed without an error of the system, for example because there is no secret to read."""


def call(name: str, *arguments: object) -> int:
    """Make a system call by name.

    Raises:
        OSError: the call failed.
    """
    known = numbers(f"{ALLOWED} {FILTERED} {REFUSED} {HOSTILE} {_NEWER}", os.uname().machine)
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = syscall(known[name], *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def calls(names: str, *arguments: int) -> Table:
    """Return a table with one program for each name: the program makes the system call of this name.

    If `arguments` is empty, the program passes -1 for each argument. The kernel rejects most of these calls, and none
    of them does harm, even without the sandbox.
    """
    given = arguments or (-1,) * 6
    return {name: lambda _, name=name: call(name, *given) for name in names.split()}  # type: ignore[misc]


def judge(program: Program, facts: Facts) -> tuple[str, str]:
    """Make an attempt; return `allowed` or `denied`, and the error that the attempt met (empty if it met none).

    If the kernel kills the attempt, it kills this process too, and the function does not return.
    """
    try:
        program(facts)
    except (Refused, MemoryError, RuntimeError) as error:
        return "denied", str(error) or type(error).__name__
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "?")
        return ("denied" if error.errno in _DENIALS else "allowed"), name
    return "allowed", ""
