"""Starts processes in order, checks their health, restarts them with backoff, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from farm.errors import ConfigurationError
from farm.processes import die_with_parent, end_session

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE_AFTER_S = 30.0
_POLL_S = 0.05
_HEALTH_EVERY_S = 5.0
_HEALTH_MISSES = 6
_START_FAILURES = 3

_log = structlog.get_logger()


async def _always_healthy() -> bool:
    return True


@dataclass(frozen=True)
class Service:
    """One process to keep running.

    Attributes:
        name: also the name of its log file.
        is_healthy: asked until it says yes at the start, and now and then later.
        start_timeout_s: how long it may take to become healthy.
        stop_grace_s: how long it may take to end after SIGTERM.
        orphan_signal: what the kernel sends it when the supervisor dies.
        descriptors: open files it is given.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    is_healthy: Callable[[], Awaitable[bool]] = _always_healthy
    start_timeout_s: float = 30.0
    stop_grace_s: float = 10.0
    orphan_signal: int = signal.SIGKILL
    descriptors: tuple[int, ...] = ()


@dataclass
class _Running:
    service: Service
    process: asyncio.subprocess.Process
    started: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps services running between `start` and `stop`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._groups: list[list[_Running]] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, *services: Service) -> None:
        """Start services together, wait until all are healthy, and keep them running from then on.

        Raises:
            ConfigurationError: one ends again and again, or never becomes healthy; the text names its log.
        """
        self._groups.append([])
        await asyncio.gather(*(self._start_one(service) for service in services))

    async def stop(self) -> None:
        """Stop everything, the group that was started last first."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for group in reversed(self._groups):
            await asyncio.gather(*map(_end, group))
        self._groups.clear()

    async def _start_one(self, service: Service) -> None:
        group = self._groups[-1]
        for _ in range(_START_FAILURES):
            running = await self._spawn(service)
            group.append(running)
            if await self._becomes_healthy(running):
                self._keepers.append(asyncio.create_task(self._keep(running)))
                return
            group.remove(running)
            await _end(running)
        raise ConfigurationError(f"{service.name} does not start: its last words are in {self._log_path(service)}")

    def _log_path(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"

    async def _spawn(self, service: Service) -> _Running:
        self._logs.mkdir(parents=True, exist_ok=True)
        with self._log_path(service).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *service.command,
                env=service.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=service.descriptors,
                start_new_session=True,  # Ctrl-C is for the supervisor, who stops in order
                preexec_fn=functools.partial(die_with_parent, os.getpid(), service.orphan_signal),
            )
        return _Running(service, process)

    async def _becomes_healthy(self, running: _Running) -> bool:
        deadline = time.monotonic() + running.service.start_timeout_s
        while time.monotonic() < deadline and running.process.returncode is None:
            if await running.service.is_healthy():
                return running.process.returncode is None
            await asyncio.sleep(_POLL_S)
        return False

    async def _keep(self, running: _Running) -> None:
        """Restart a service whenever it ends or stays unhealthy, each time after a longer pause."""
        failures = 0
        while True:
            cause = await self._watch(running)
            failures = 0 if time.monotonic() - running.started > _STABLE_AFTER_S else failures + 1
            pause_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            _log.warning("service.restart", service=running.service.name, cause=cause, pause_s=pause_s)
            await _end(running)
            await asyncio.sleep(pause_s)
            fresh = await self._spawn(running.service)
            running.process, running.started = fresh.process, fresh.started
            await self._becomes_healthy(running)

    async def _watch(self, running: _Running) -> str:
        """Return why a service needs a restart, once it does."""
        misses = 0
        while misses < _HEALTH_MISSES:
            with contextlib.suppress(TimeoutError):
                return f"ended with {await asyncio.wait_for(running.process.wait(), _HEALTH_EVERY_S)}"
            misses = 0 if await running.service.is_healthy() else misses + 1
        return "unhealthy"


async def _end(running: _Running) -> None:
    """Ask a process to end, wait its grace, then end its whole session."""
    process = running.process
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), running.service.stop_grace_s)
    end_session(process.pid)
    await process.wait()
