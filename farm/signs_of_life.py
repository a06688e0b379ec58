"""Signs of life of one host's processes: each process has a file that says when it was last known to be working.

The signs depend only on these files and on a clock that nobody sets. A store that does not answer therefore never
causes a process to be ended.

`python -m farm.signs_of_life PART` is the probe. PART is `api`, `reaper`, `embed`, `premises` or `lean` (the
workers of the environment that the settings name). The probe fails if no process of the part has ever given a sign, or
if a live one has given none for half a minute.
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
"""How long a process may be silent; this exceeds its longest wait for an unreachable store or broker."""


class Sign:
    """The signs of life of this process.

    Args:
        data_dir: the farm's data folder.
        part: the part of the farm that this process belongs to.
        is_main: whether systemd started this process; if so, systemd is notified too, provided that it asks for this.
    """

    def __init__(self, data_dir: Path, part: str, *, is_main: bool = False) -> None:
        self._file = _open(data_dir, part)
        self._watchdog = os.environ.get("NOTIFY_SOCKET", "") if is_main else ""
        # The time before the first sign may be long, so the watchdog's limit is set here and not in the unit.
        self._tell(f"WATCHDOG_USEC={int(2 * SILENCE_S * 1e6)}")

    def give(self) -> None:
        """Give a sign of life of this process."""
        # The text always has the same length and overwrites the last one, so this works on a full disk too.
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
    """Return this process's file; None if there is no folder to write to, a fault that the probe reports."""
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
    """Return how long a process has been silent, in seconds; 0 if it has never given a sign, or is gone."""
    return _silence_s(_path(data_dir, part, pid))


def silences(data_dir: Path, part: str) -> dict[int, float]:
    """Return, by process id, how long each live process of a part has been silent, in seconds."""
    return {
        int(identity.partition(".")[0]): _silence_s(path)
        for path, identity in _files(_folder(data_dir))
        if path.name.rpartition("@")[0] == part and is_identity_alive(identity)
    }


def is_silent(data_dir: Path, part: str) -> bool:
    """Whether a live process of a part has given a sign before, but none for a long time."""
    return any(seconds > SILENCE_S for seconds in silences(data_dir, part).values())


def _folder(data_dir: Path) -> Path:
    return data_dir / "alive"


def _path(data_dir: Path, part: str, pid: int) -> Path:
    return _folder(data_dir) / f"{part}@{process_identity(pid)}"


def _silence_s(path: Path) -> float:
    try:
        return time.monotonic() - float(path.read_text())
    except (OSError, ValueError):
        return 0.0  # it is gone, or has just been made


def _is_old(path: Path) -> bool:
    """Whether nobody has written to a file for a long time: a process of another container, unknown here, may do so."""
    try:
        return time.time() - path.stat().st_mtime > 2 * SILENCE_S
    except OSError:
        return False  # another process that starts has just removed it


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            yield path, path.name.rpartition("@")[2]


def main(part: str) -> None:
    """Exit with status 0 when all is well, otherwise with a sentence and status 1."""
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
