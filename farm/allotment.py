"""The cores and memory that this process may use.

The host, the cgroups of the process and Slurm may each set a limit; the smallest limit counts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

_MB = 1024 * 1024
_ROOT = Path("/")


def core_limit(variables: Mapping[str, str] = os.environ, root: Path = _ROOT) -> int:
    """Return how many cores this process may use. A quota is rounded down to whole cores, but to no less than 1.

    Args:
        variables: the environment variables in which Slurm says how many cores the job has on this host.
        root: the folder that holds `proc` and `sys`.
    """
    limits = [_cores_of_host(), *_quotas(root), *_numbers(variables, "SLURM_CPUS_ON_NODE")]
    return max(1, int(min(limits)))


def memory_limit_mb(variables: Mapping[str, str] = os.environ, root: Path = _ROOT) -> float:
    """Return how much memory this process may use, in MB.

    Args:
        variables: the environment variables in which Slurm says how much memory the job has on this host.
        root: the folder that holds `proc` and `sys`.
    """
    limits = [psutil.virtual_memory().total / _MB, *_numbers(variables, "SLURM_MEM_PER_NODE")]
    cores = _numbers(variables, "SLURM_CPUS_ON_NODE")
    limits += [each * count for each in _numbers(variables, "SLURM_MEM_PER_CPU") for count in cores]
    for text in _read_all(root, "memory", "memory.max", "memory.limit_in_bytes"):
        # A limit of "max" means no limit.
        with contextlib.suppress(ValueError):
            limits.append(int(text) / _MB)
    return min(limits)


def _cores_of_host() -> int:
    # Slurm may bind a job to certain cores without setting a quota.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _numbers(variables: Mapping[str, str], name: str) -> list[float]:
    """Return a list that holds the number in one of Slurm's variables.

    The list is empty if the variable is not set, or if the number is 0, which means the whole host.
    """
    text = variables.get(name, "")
    return [float(text)] if text.isdecimal() and int(text) else []


def _quotas(root: Path) -> Iterator[float]:
    """Yield how many cores the quota of each cgroup allows; cgroups without a quota ("max" or -1) are left out."""
    for text in _read_all(root, "cpu", "cpu.max", "cpu.cfs_quota_us"):
        quota, _, period = text.partition(" ")
        # In version 1 of cgroups, the period is in a file of its own, from which `_read` adds it.
        if quota.isdecimal() and period.isdecimal():
            yield int(quota) / int(period)


def _read_all(root: Path, controller: str, name: str, name_of_version_1: str) -> Iterator[str]:
    """Yield the value of a limit in this process's own cgroup and in all cgroups above it."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / (controller if controllers else "")
            folder = top / group.lstrip("/")
            for place in (folder, *folder.parents):
                if place.is_relative_to(top):
                    yield from _read(place, name_of_version_1 if controllers else name)


def _read(folder: Path, name: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        text = (folder / name).read_text().strip()
        if name == "cpu.cfs_quota_us":
            text += " " + (folder / "cpu.cfs_period_us").read_text().strip()
        yield text
