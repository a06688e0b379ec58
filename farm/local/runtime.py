"""The runtime note and the lock of a data folder.

The runtime note is a file by which other commands find the local farm that runs on the folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from farm.errors import ConfigurationError
from farm.local.data_dir import make_private
from farm.processes import is_identity_alive, process_identity

# How long to wait for the Valkey of a killed farm to end.
_PREDECESSOR_S = 30.0
_POLL_S = 0.05
_SIGNATURE_BYTES = 100


@dataclass(frozen=True)
class Runtime:
    """The content of the runtime note: where a local farm runs.

    Attributes:
        supervisor: the identity of the process of `farm up`.
        redis_url: the store's address, with its password. Therefore only the owner may read the note.
    """

    supervisor: str
    url: str
    redis_url: str

    @property
    def pid(self) -> int:
        """The process id of `farm up`."""
        return int(self.supervisor.partition(".")[0])

    def write(self, data_dir: Path) -> None:
        """Write the note to the data folder."""
        path = data_dir / "runtime.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))


def own_runtime(url: str, redis_url: str) -> Runtime:
    """Return a runtime note for the farm that this process runs."""
    return Runtime(process_identity(os.getpid()), url, redis_url)


def read_runtime(data_dir: Path) -> Runtime | None:
    """Return the runtime note of the farm that runs on a data folder; None if no farm runs on it."""
    try:
        runtime = Runtime(**json.loads((data_dir / "runtime.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return runtime if is_identity_alive(runtime.supervisor) else None


@asynccontextmanager
async def locked(data_dir: Path, tell: Callable[[str], None]) -> AsyncIterator[int]:
    """Lock a data folder for one farm, and yield the descriptor that holds the lock.

    The lock is held until the last process that has the descriptor ends. The embedded Valkey gets the descriptor too.
    If `farm up` is killed, its Valkey still has to write the data in its memory, and a second Valkey on the same files
    would lose these data.

    Args:
        data_dir: the data folder.
        tell: called with a line that says what the lock waits for.

    Raises:
        ConfigurationError: another farm holds the folder, or the folder cannot be written to.
    """
    with _open_lock(data_dir) as lock:
        deadline, told = time.monotonic() + _PREDECESSOR_S, False
        while not _try_lock(lock.fileno()):
            if _is_signed(lock.fileno()) or time.monotonic() > deadline:
                raise ConfigurationError(f"Another farm runs on {data_dir}: stop it, or set another DATA_DIR")
            if not told:
                tell("waiting for the Valkey of a killed farm to write its data")
                told = True
            await asyncio.sleep(_POLL_S)
        _sign(lock.fileno())
        yield lock.fileno()


def _open_lock(data_dir: Path) -> TextIO:
    try:
        make_private(data_dir)
        (data_dir / "lock").touch(mode=0o600)
        return (data_dir / "lock").open("a+")
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {data_dir} is not a folder to write to: {error.strerror}") from error


def _sign(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, process_identity(os.getpid()).encode())


def _is_signed(descriptor: int) -> bool:
    """Whether the process that signed the lock, `farm up` or `farm join`, still runs."""
    return is_identity_alive(os.pread(descriptor, _SIGNATURE_BYTES, 0).decode())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
