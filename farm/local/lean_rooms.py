"""The Lean rooms of one host. A Lean room is the group of workers that serve one Lean environment.

`farm up` has a room for the environment of its own settings, and a room for each file in ENVIRONMENTS_DIR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.allotment import core_limit, memory_limit_mb
from farm.environments import environment_files, load_environment
from farm.errors import ConfigurationError
from farm.settings import Settings

# The share of the host's memory that all Lean processes together may use. The farm's own processes need the rest.
_MEMORY_SHARE = 0.95


@dataclass(frozen=True)
class LocalLeanRoom:
    """One Lean room.

    Attributes:
        environment: the Lean environment that the room serves.
        file: the file with the room's settings; None for the room that uses the settings of `farm up`.
        variables: further environment variables for the room's processes.
    """

    environment: str
    file: Path | None
    variables: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        """The command-line arguments for the room's programs, such as `workers.lean`."""
        return [str(self.file)] if self.file else []

    @property
    def processes(self) -> int:
        """The number of Lean processes in the room."""
        return int(self.variables["LEAN_WORKERS"])


def lean_rooms(settings: Settings) -> list[LocalLeanRoom]:
    """Return the Lean rooms of this host. If there are several, they share the host's cores and memory.

    Raises:
        ConfigurationError: a file has wrong settings, or two rooms would serve the same environment.
    """
    files = environment_files(settings)
    asked = [settings, *map(load_environment, files)]
    if not files:
        [count] = share_processes(asked, core_limit(), memory_limit_mb())
        return [LocalLeanRoom(settings.lean_environment, None, {"LEAN_WORKERS": str(count)})]
    names = [each.lean_environment for each in asked]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigurationError(
            f"{settings.environments_dir}/{twice.pop()}.env: workers of this environment are set up already"
        )
    memory_mb = memory_limit_mb()
    processes = share_processes(asked, core_limit(), memory_mb)
    limit_mb = int(memory_mb * _MEMORY_SHARE / sum(processes))
    return [
        LocalLeanRoom(
            each.lean_environment,
            file,
            {"LEAN_WORKERS": str(count), "LEAN_MEMORY_LIMIT_MB": str(min(each.lean_memory_limit_mb, limit_mb))},
        )
        for each, file, count in zip(asked, [None, *files], processes, strict=True)
    ]


def share_processes(asked: Sequence[Settings], cores: int, memory_mb: float) -> list[int]:
    """Return how many Lean processes each environment gets on one host.

    An environment whose settings name a number gets that number. The other environments share the remaining cores and
    memory equally, and the first of them also gets the cores that the division leaves over. Each gets at least one
    process.

    Args:
        asked: the settings of each environment.
        cores: the host's cores.
        memory_mb: the host's memory in MB.
    """
    open_ = [each for each in asked if not each.lean_workers]
    fixed = [each for each in asked if each.lean_workers]
    cores_left = max(0, cores - sum(each.lean_workers for each in fixed))
    memory_left_mb = memory_mb - sum(each.lean_workers * each.lean_memory_limit_mb for each in fixed)
    each_cores, over = divmod(cores_left, len(open_) or 1)
    counts = []
    for each in asked:
        fit = int(memory_left_mb / (len(open_) or 1) // each.lean_memory_limit_mb)
        own_cores = each_cores + (over if open_ and each is open_[0] else 0)
        counts.append(each.lean_workers or max(1, min(own_cores, fit)))
    return counts
