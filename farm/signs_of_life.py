"""Signs of life of the processes on one host. Each process has a file that says when it last gave a sign.

The signs depend only on these files and on a clock that nobody can set. They do not need the store, so a process is not
ended when the store fails to answer.

`python -m farm.signs_of_life PART` is the probe. PART is `api`, `reaper`, `embed`, `premises` or `lean` (the workers of
the environment that the settings name). The probe fails if no live process of the part has given a sign, or if one of
them has been silent for half a minute.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from farm.models import lean_part
from farm.processes import is_identity_alive, process_identity
from farm.settings import load

_log = structlog.get_logger()

SIGN_EVERY_S = 2.0
"""How often a working process gives a sign."""
SILENCE_S = 30.0
"""How long a process may be silent. This is longer than a process ever waits for a store or broker out of reach."""


class Sign:
    """Gives the signs of life of this process.

    Args:
        data_dir: the farm's data folder.
        part: the part of the farm that this process belongs to.
        is_main: whether this is the process that systemd started. Such a process also notifies systemd, if systemd asks
            for this.
    """

    def __init__(self, data_dir: Path, part: str, *, is_main: bool = False) -> None:
        self._file = _open(data_dir, part)
        self._watchdog = os.environ.get("NOTIFY_SOCKET", "") if is_main else ""
        # The first sign may come late, so systemd's watchdog gets its limit from here and not from the unit file.
        self._tell(f"WATCHDOG_USEC={int(2 * SILENCE_S * 1e6)}")

    def give(self) -> None:
        """Give a sign of life of this process."""
        # The text always has the same length and overwrites the last one, so this works even if the disk is full.
        if self._file is not None:
            os.pwrite(self._file, f"{time.monotonic():024.3f}".encode(), 0)
        self._tell("WATCHDOG=1")

    def _tell(self, word: str) -> None:
        if not self._watchdog:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
            notice.connect(self._watchdog.replace("@", "\0", 1) if self._watchdog[0] == "@" else self._watchdog)
            notice.send(word.encode())


def _open(data_dir: Path, part: str) -> int | None:
    """Open the file of this process; return None if its folder cannot be written. The probe reports this fault."""
    folder = _folder(data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for other, identity in _files(folder):
            if not is_identity_alive(identity) and _is_old(other):
                other.unlink(missing_ok=True)
        return os.open(_path(data_dir, part, os.getpid()), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _log.warning("alive.no_signs", folder=str(folder), error=str(error))
        return None


def silence_s(data_dir: Path, part: str, pid: int) -> float:
    """Return how many seconds a process has been silent; 0 if it has never given a sign or is gone."""
    return _silence_s(_path(data_dir, part, pid))


def silences(data_dir: Path, part: str) -> dict[int, float]:
    """Return how many seconds each live process of a part has been silent, by process id."""
    return {
        int(identity.partition(".")[0]): _silence_s(path)
        for path, identity in _files(_folder(data_dir))
        if path.name.rpartition("@")[0] == part and is_identity_alive(identity)
    }


def is_silent(data_dir: Path, part: str) -> bool:
    """Whether a live process of a part has given a sign before, but has now been silent for too long."""
    return any(seconds > SILENCE_S for seconds in silences(data_dir, part).values())


def _folder(data_dir: Path) -> Path:
    return data_dir / "alive"


def _path(data_dir: Path, part: str, pid: int) -> Path:
    return _folder(data_dir) / f"{part}@{process_identity(pid)}"


def _silence_s(path: Path) -> float:
    try:
        return time.monotonic() - float(path.read_text())
    except (OSError, ValueError):
        return 0.0  # the file is gone, or has just been made


def _is_old(path: Path) -> bool:
    """Whether nobody has written to a file for a long time.

    A live process of another container looks dead from here, but it keeps writing to its file.
    """
    try:
        return time.time() - path.stat().st_mtime > 2 * SILENCE_S
    except OSError:
        return False  # another process, which is starting, has just removed the file


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            yield path, path.name.rpartition("@")[2]


def main(part: str) -> None:
    """Run the probe: exit with status 0 if all is well, otherwise with a sentence and status 1."""
    settings = load()
    part = lean_part(settings.lean_environment) if part == "lean" else part
    found = silences(settings.data_dir, part)
    if not found:
        sys.exit(f"unhealthy: no process of `{part}` has given a sign of life")
    for pid, seconds in found.items():
        if seconds > SILENCE_S:
            sys.exit(f"unhealthy: process {pid} of `{part}` has given no sign of life for {seconds:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])
