"""Limits the system calls that this process may make, by a seccomp filter that is assembled here in classic BPF.

Allowed calls go through. Refused calls fail with EPERM. Calls in no table fail with ENOSYS, so that runtimes do without
them. Plainly hostile calls, which include 32-bit calls, end the process (SIGSYS).
"""

from __future__ import annotations

import ctypes
import os
import struct

from workers.sandbox.calls import ALLOWED, FILTERED, HOSTILE, MACHINES, REFUSED, numbers
from workers.sandbox.kernel import PR_SET_SECCOMP, Missing, error, prctl

_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_…
_X32 = 0x40000000
_MODE_FILTER = 2

# linux/bpf_common.h and linux/filter.h: opcode of each instruction used.
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = _ERRNO | 1, _ERRNO | 38

_CLONE_THREAD = 0x00010000
# Flags that ask for new namespaces (CLONE_NEW…), for a child whose parent is another process (CLONE_PARENT), for a
# child that this process's tracer traces too (CLONE_PTRACE), or for a child that escapes that tracer (CLONE_UNTRACED).
_CLONE_FORBIDDEN = 0x7E020000 | 0x00008000 | 0x00002000 | 0x00800000

# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX: what isatty() and event loops ask. Not TIOCSTI.
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5451, 0x5450)
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. Not F_SETOWN, by which
# a process can have signals sent to another, nor locks.
_FCNTLS = (0, 1, 2, 3, 4, 1030, 1032)
# PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_SET_THP_DISABLE, PR_SET_VMA. Not PR_SET_PDEATHSIG, by
# which a REPL could outlive its worker, nor PR_SET_DUMPABLE, by which a REPL could hide from its worker.
_PRCTLS = (3, 15, 16, 23, 41, 0x53564D41)

Instruction = tuple[int, int, int, int]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(index: int) -> Instruction:
    """Load the lower 32 bits of an argument. The kernel uses no other bits of the arguments that the filter tests."""
    return _load(_ARGUMENTS + 8 * index)


def _end(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


def _one_of(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allow a call whose argument, taken as a 32-bit number, is one of the values."""
    tests = [each for value in values for each in ((_JUMP_EQUAL, 0, 1, value), _end(_ALLOW))]
    return [_argument(index), *tests, _end(_EPERM)]


def _open(flags: int) -> list[Instruction]:
    """Refuse to truncate a file (O_TRUNC) that is not opened for writing.

    Landlock decides which files may be opened for writing. But opening a file only for reading can truncate it too, and
    Landlock controls truncation only from ABI version 3 on.
    """
    return [
        *(_argument(flags), (_AND, 0, 0, os.O_ACCMODE)),
        *((_JUMP_EQUAL, 0, 1, os.O_WRONLY), _end(_ALLOW), (_JUMP_EQUAL, 0, 1, os.O_RDWR), _end(_ALLOW)),
        *(_argument(flags), (_JUMP_ANY_BIT, 0, 1, os.O_TRUNC), _end(_EPERM), _end(_ALLOW)),
    ]


def _clone(fork: bool) -> list[Instruction]:
    threads = [] if fork else [(_JUMP_ANY_BIT, 1, 0, _CLONE_THREAD), _end(_EPERM)]
    return [_argument(0), (_JUMP_ANY_BIT, 0, 1, _CLONE_FORBIDDEN), _end(_EPERM), *threads, _end(_ALLOW)]


def _filters(itself: int, fork: bool) -> dict[str, list[Instruction]]:
    """Return the filter's instructions for each call of `FILTERED`."""
    return {
        "clone": _clone(fork),
        "kill": _one_of(0, (itself,)),
        "tgkill": _one_of(0, (itself,)),
        "prctl": _one_of(0, _PRCTLS),
        "ioctl": _one_of(1, _IOCTLS),
        "fcntl": _one_of(1, _FCNTLS),
        "prlimit64": _one_of(0, (0, itself)),
        "open": _open(1),
        "openat": _open(2),
    }


def assemble(machine: str, pid: int, *, fork: bool) -> bytes:
    """Return the filter as an array of `struct sock_filter`.

    Args:
        machine: as `uname -m` names it.
        pid: the only process that may be signalled: the REPL itself.
        fork: whether the REPL may start processes of its own.

    Raises:
        Missing: there is no table for this machine.
    """
    if machine not in MACHINES:
        raise Missing(f"there is no table of system calls for {machine}: the sandbox knows {' and '.join(MACHINES)}")
    program = [_load(_ARCH), (_JUMP_EQUAL, 1, 0, _ARCHITECTURE[machine]), _end(_KILL), _load(_NR)]
    if machine == "x86_64":
        program += [(_JUMP_GREATER_EQUAL, 0, 1, _X32), _end(_KILL)]
    filters = _filters(pid, fork)
    bodies = {number: filters[name] for name, number in numbers(FILTERED, machine).items()}
    forks = ("fork", "vfork") if fork else ()
    for text, action in ((ALLOWED, _ALLOW), (REFUSED, _EPERM), (HOSTILE, _KILL)):
        for name, number in numbers(text, machine).items():
            bodies[number] = [_end(_ALLOW if name in forks else action)]
    for number, body in bodies.items():
        program += [(_JUMP_EQUAL, 0, len(body), number), *body]
    program.append(_end(_ENOSYS))
    return b"".join(struct.pack("HBBI", code, yes, no, k) for code, yes, no, k in program)


def install(program: bytes) -> None:
    """Put a filter in force for this thread, and for every thread and process that it starts.

    The filter stays in force when one of them executes another program. no_new_privs must be set already.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    if not prctl(PR_SET_SECCOMP, _MODE_FILTER, ctypes.c_char_p(header)):
        raise Missing(f"the filter of system calls is refused: {error()}")
