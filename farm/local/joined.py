"""The workers of a host that has joined a farm: its Lean rooms and a reaper, under one supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

from farm import descriptors
from farm.client import AsyncFarm
from farm.errors import ConnectionFailed, Forbidden, Unavailable
from farm.local.data_dir import empty_temporary_folder
from farm.local.lean_rooms import lean_rooms
from farm.local.runtime import locked
from farm.local.services import lean_service, python_service
from farm.local.supervisor import Supervisor
from farm.models import HostSettings, WorkerKind, WorkerStatus
from farm.settings import Settings

_POLL_S = 0.5

OnJoined = Callable[[list[WorkerStatus]], None]
"""Called once this host's Lean workers are up, with what the farm shows of them."""


class JoinedHost:
    """This host's workers for a farm elsewhere.

    Args:
        settings: this host's own settings: Lean, the sandbox, limits, DATA_DIR.
        found: the farm's settings for hosts that join.
        farm: a client for the farm.
        tell: called with each step in one line.
    """

    def __init__(self, settings: Settings, found: HostSettings, farm: AsyncFarm, tell: Callable[[str], None]) -> None:
        self._data_dir = settings.data_dir.absolute()
        self._rooms = lean_rooms(settings)
        self._found = found
        self._farm = farm
        self._tell = tell
        self._supervisor = Supervisor(self._data_dir / "logs")

    async def run(self, on_joined: OnJoined, stopped: asyncio.Event) -> None:
        """Work until told to stop; proofs that are running then end, or go back to the queue uncharged.

        Raises:
            ConfigurationError: something does not start; the message says what to do.
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
                self._tell("stopping; a second signal ends everything at once")
                await self._supervisor.stop()
                await self._farm.aclose()

    def kill(self) -> None:
        """End every process at once."""
        self._supervisor.kill()

    async def _work(self, on_joined: OnJoined) -> None:
        environment = self._environment()
        await self._supervisor.start(
            python_service("workers.reaper", environment), *(lean_service(room, environment) for room in self._rooms)
        )
        on_joined(await self._await_workers())
        await asyncio.Event().wait()

    async def _await_workers(self) -> list[WorkerStatus]:
        """Return this host's Lean workers once all of them are up; none if the key may not see them."""
        told = ""
        while True:
            try:
                mine = await self._workers()
            except Forbidden:
                return []  # the key has only the scope `join`
            if mine and all(each.state in ("idle", "busy", "failed") for each in mine):
                return mine
            ailments = "; ".join(self._supervisor.ailments())
            if ailments and ailments != told:
                self._tell(ailments)
                told = ailments
            await asyncio.sleep(_POLL_S)

    async def _workers(self) -> list[WorkerStatus]:
        try:
            workers = (await self._farm.workers()).workers
        except (ConnectionFailed, Unavailable) as error:
            self._tell(f"the farm does not say which workers it sees: {error.message}")
            await asyncio.sleep(10 * _POLL_S)
            return []
        return [each for each in workers if each.kind is WorkerKind.LEAN and each.host == socket.gethostname()]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self._found.settings,
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": self._found.redis_url,
            "BROKER_URL": self._found.broker_url,
            "DATA_DIR": str(self._data_dir),
            # The next start removes what killed processes leave there.
            "TMPDIR": str(empty_temporary_folder(self._data_dir)),
        }
