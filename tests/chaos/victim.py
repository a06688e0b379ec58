"""A farm to be ill-treated: its processes by what they do, its disk, its clock, and `farm up` again."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from farm import Farm
from farm.local.ports import free_port
from farm.local.valkey import prepare_valkey
from tests.conftest import lean_settings
from tests.support.open_store import OpenStore, open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, end_everything, start_farm, stop

LEAN_WORKERS = 3
# Random kills are not the fault of a proof: they never reach this bound.
MANY_DEATHS = 100_000
DISK_MB = 48
_FAKETIME = ("libfaketimeMT.so.1", "libfaketime.so.1")


class Victim:
    """A whole farm on a fixed port, which survives `farm up` being killed.

    Args:
        folder: where it lives.
        repl: what answers as Lean.
        settings: more settings of the farm.
        has_small_disk: whether its store writes to a small disk of its own.
        clock: the file that moves the clock of its store; None if the store keeps the true time.
    """

    def __init__(
        self, folder: Path, repl: Install, settings: dict[str, str], *, has_small_disk: bool, clock: Path | None
    ) -> None:
        self.folder = folder
        self.has_small_disk = has_small_disk
        self.clock = clock
        self._settings = {
            **lean_settings(repl),
            "PORT": str(free_port()),
            "LEAN_WORKERS": str(LEAN_WORKERS),
            "LEAN_MAX_DEATHS": str(MANY_DEATHS),
            **settings,
        }
        self.farm: RunningFarm = start_farm(folder, **self._settings)

    def up_again(self) -> None:
        """Start `farm up` on the same folder, after it was killed."""
        self.farm = start_farm(self.folder, **self._settings)

    def client(self) -> Farm:
        """Return an SDK client that waits for a farm to come back."""
        client = Farm(self.farm.url, retries=200, timeout=60)
        sleep = client.sleep
        client.sleep = lambda seconds: sleep(min(seconds, 0.3))
        return client

    def redis(self) -> OpenStore:
        """Return a connection to its store."""
        return open_store(self.farm.redis_url)

    @property
    def disk(self) -> Path:
        """Where the store writes."""
        return self.folder / "data" / "valkey"

    # The processes by what they do. All may be gone by the time the caller looks.

    def services(self) -> list[psutil.Process]:
        """Return the processes that the supervisor started and that are still alive."""
        started = psutil.Process(self.farm.up.pid).children()
        return [process for process in started if _is_alive(process)]

    def service(self, *ending: str) -> psutil.Process:
        """Return the service whose command ends in these words."""
        return next(process for process in self.services() if tuple(process.cmdline()[-len(ending) :]) == ending)

    def valkey(self) -> psutil.Process:
        """Return the store."""
        return next(process for process in self.services() if process.name() == "valkey-server")

    def lean_parent(self) -> psutil.Process:
        """Return the parent of the Lean processes."""
        return self.service("-m", "workers.lean")

    def lean_processes(self) -> list[psutil.Process]:
        """Return the Lean processes themselves."""
        return self.lean_parent().children()

    def repls(self) -> list[psutil.Process]:
        """Return the REPLs and all they started."""
        return [repl for process in self.lean_processes() for repl in process.children(recursive=True)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def victim(folder: Path, repl: Install, *, small_disk: bool = False, **settings: str) -> Iterator[Victim]:
    """Start a victim with a store of its own, and stop what is left of it."""
    disk = folder / "data" / "valkey"
    disk.mkdir(parents=True)
    if small_disk:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "chaos", str(disk)], check=True)
    try:
        ill = Victim(folder, repl, settings, has_small_disk=small_disk, clock=None)
        yield ill
        stop(ill.farm.up)
    finally:
        end_everything(folder)
        if small_disk:
            subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def clocked_victim(folder: Path, repl: Install, library: Path, **settings: str) -> Iterator[Victim]:
    """Start a victim whose store has a clock that can be set.

    The farm reads the time from its store. libfaketime 0.9.10 breaks every sleep of Python 3.11 on the monotonic clock,
    so only the store gets it.
    """
    clock, store = folder / "clock", prepare_valkey(folder / "store")
    set_clock(clock, 0)
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock)}
    # Only the wall clock moves, not the monotonic one.
    environment |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1"}
    with subprocess.Popen(store.command, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: asyncio.run(store.is_healthy()), "a store with a clock of its own")
            ill = Victim(folder, repl, {"REDIS_URL": store.url, **settings}, has_small_disk=False, clock=clock)
            yield ill
            stop(ill.farm.up)
        finally:
            server.terminate()
            server.wait(10)
            end_everything(folder)


def set_clock(clock: Path, offset_s: int) -> None:
    """Move a clock, at once."""
    draft = clock.with_suffix(".draft")
    draft.write_text(f"{offset_s:+d}\n")
    draft.replace(clock)


def can_mount() -> bool:
    """Whether this user may mount a disk."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return False
    # Not in this process: its own view of the file system stays as it is.
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "chaos", "/mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def can_rename_host() -> bool:
    """Whether this user may give processes a host name of their own."""
    probe = ["unshare", "--uts", "hostname", "other-host"]
    return bool(shutil.which("unshare")) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def faketime() -> Path | None:
    """Return libfaketime, which moves the clocks of processes that load it; None where it is not installed."""
    for folder in (Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")):
        for name in _FAKETIME:
            for found in folder.glob(f"**/faketime/{name}"):
                return found
    return None
