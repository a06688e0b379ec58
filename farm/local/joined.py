"""Runs the workers of a host that has joined a farm: Lean workers and a reaper, under one supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from importlib.metadata import version

from farm import descriptors
from farm.client import AsyncFarm
from farm.errors import FarmError, Forbidden, Unauthorized
from farm.local.data_dir import empty_temporary_folder
from farm.local.host_check import check_lean, check_store
from farm.local.lean_rooms import lean_rooms
from farm.local.runtime import locked
from farm.local.services import lean_service, python_service
from farm.local.supervisor import Supervisor
from farm.models import HostSettings, WorkerKind, WorkerStatus
from farm.processes import tree
from farm.settings import Settings

_POLL_S = 0.5
# How often a host asks whether the farm has restarted: its store then has another address.
_LOOK_S = 5.0

OnJoined = Callable[[list[WorkerStatus]], None]
"""Called once this host's Lean workers are up. The argument is the list of these workers as the farm shows them; the
list is empty if the key may not see workers."""


class JoinedHost:
    """The workers of this host, which work for a farm on another host.

    Args:
        settings: this host's own settings: Lean, the sandbox, limits, DATA_DIR.
        found: the farm's settings for hosts that join.
        farm: a client for the farm.
        tell: called with a line about each step.
    """

    def __init__(self, settings: Settings, found: HostSettings, farm: AsyncFarm, tell: Callable[[str], None]) -> None:
        self._data_dir = settings.data_dir.absolute()
        self._rooms = lean_rooms(settings)
        self._found = found
        self._farm = farm
        self._tell = tell
        self._told = ""
        self._supervisor = Supervisor(self._data_dir / "logs")

    async def run(self, on_joined: OnJoined, stopped: asyncio.Event) -> None:
        """Run the workers until `stopped` is set.

        At the end, a running proof is finished or goes back to the queue. In the latter case, its run does not count as
        an attempt.

        Raises:
            ConfigurationError: this host cannot work for the farm; the message says what to do.
            Unauthorized, Forbidden: the key may no longer join.
        """
        descriptors.raise_limit()
        async with locked(self._data_dir, self._tell):
            work = asyncio.create_task(self._work(on_joined))
            ends = asyncio.create_task(stopped.wait())
            try:
                await asyncio.wait({work, ends}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                for task in (work, ends):
                    task.cancel()
                await asyncio.gather(work, ends, return_exceptions=True)
                if stopped.is_set():
                    self._tell("stopping; a second signal ends everything at once")
                await self._supervisor.stop()
                await self._farm.aclose()

    def kill(self) -> None:
        """End every process at once."""
        self._supervisor.kill()

    async def _work(self, on_joined: OnJoined) -> None:
        """Run the workers, and restart them whenever the farm's store or its settings for hosts have changed.

        When a farm restarts, its embedded store gets another address.
        """
        await self._check()
        while True:
            environment = self._environment()
            rooms = (lean_service(room, environment) for room in self._rooms)
            await self._supervisor.start(python_service("workers.reaper", environment), *rooms)
            await self._stay(on_joined)
            self._tell("the farm has restarted, and this host joins it again")
            await self._supervisor.stop()

    async def _check(self) -> None:
        """Check that this host can work for the farm; this happens before its workers start."""
        if (own := version("leanfarm")) != self._found.version:
            self._tell(f"this host has leanfarm {own}, the farm {self._found.version}: install the same on both")
        await asyncio.to_thread(check_store, self._found.redis_url)
        for room in self._rooms:
            lack = await check_lean(room, self._environment(), self._data_dir / "logs" / "check.log")
            if lack:
                self._tell(f"no verdict from here is attested: {lack}")

    async def _stay(self, on_joined: OnJoined) -> None:
        """Wait until the farm's store or its settings for hosts have changed.

        Meanwhile, call `on_joined` once, when this host's workers are up.
        """
        joined = False
        while _but_version(found := await self._ask()) == _but_version(self._found):
            if not joined and (workers := await self._own_workers()) is not None:
                on_joined(workers)
                joined = True
            await asyncio.sleep(_LOOK_S if joined else _POLL_S)
        self._found = found

    async def _ask(self) -> HostSettings:
        """Ask the farm for its settings for hosts, and return them; if it does not answer, return the last known ones.

        Raises:
            Unauthorized, Forbidden: the key may no longer join.
        """
        try:
            return await self._farm.host_settings()
        except (Unauthorized, Forbidden):
            raise
        except FarmError:
            # The farm is out of reach or busy, or its release is being changed at this moment.
            return self._found

    async def _own_workers(self) -> list[WorkerStatus] | None:
        """Return this host's Lean workers as the farm shows them.

        None means that not all of them are up yet. The list is empty if the key may not see workers.
        """
        try:
            workers = (await self._farm.workers()).workers
        except Forbidden:
            return []
        except FarmError:
            return None
        pids, host = set(tree(os.getpid())), socket.gethostname()
        mine = [each for each in workers if each.kind is WorkerKind.LEAN and each.host == host and each.pid in pids]
        if len(mine) >= sum(room.processes for room in self._rooms) and all(each.state != "starting" for each in mine):
            return mine
        self._tell_ailments()
        return None

    def _tell_ailments(self) -> None:
        ailments = "; ".join(self._supervisor.ailments())
        if ailments and ailments != self._told:
            self._tell(ailments)
            self._told = ailments

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self._found.settings,
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": self._found.redis_url,
            "BROKER_URL": self._found.broker_url,
            "DATA_DIR": str(self._data_dir),
            # If processes are killed, the next start removes the files that they leave there.
            "TMPDIR": str(empty_temporary_folder(self._data_dir)),
        }


def _but_version(found: HostSettings) -> HostSettings:
    """Return the settings without the release: during an upgrade, a farm's API processes name different releases."""
    return found.model_copy(update={"version": ""})
