"""Resource limits that a process sets for itself and can never raise again."""

from __future__ import annotations

import resource

FILE_MB = 64
"""The largest file that a process may write."""
OPEN_FILES = 1024
"""How many files a process may have open at once; Lean maps and closes .olean files one by one."""
THREADS_MIN = 256
"""The lowest bound on threads: Lean has one thread per core, and a few more."""

_MB = 1 << 20
_NONE = ("CORE", "MSGQUEUE", "NICE", "RTPRIO", "MEMLOCK")


def apply(address_space_mb: int) -> None:
    """Limit memory, file size and open files; allow no core dumps, message queues, locked memory or raised priority."""
    _lower(resource.RLIMIT_AS, address_space_mb * _MB)
    _lower(resource.RLIMIT_FSIZE, FILE_MB * _MB)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    for name in _NONE:
        if hasattr(resource, f"RLIMIT_{name}"):
            _lower(getattr(resource, f"RLIMIT_{name}"), 0)


def apply_least(address_space_mb: int) -> None:
    """Limit memory and allow no core dumps; these limits apply where the sandbox is off."""
    _lower(resource.RLIMIT_AS, address_space_mb * _MB)
    _lower(resource.RLIMIT_CORE, 0)


def bound_threads(most: int) -> None:
    """Limit the number of threads of this user id. Root is exempt, so change to another id first."""
    _lower(resource.RLIMIT_NPROC, most)


def _lower(limit: int, value: int) -> None:
    ceiling = resource.getrlimit(limit)[1]
    kept = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
    resource.setrlimit(limit, (kept, kept))
