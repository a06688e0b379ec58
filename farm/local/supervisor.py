"""Starts processes in order, checks their health, restarts them after ever longer pauses, and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from farm.errors import ConfigurationError
from farm.local.last_words import last_words
from farm.processes import die_with_parent, end_session

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_STABLE_AFTER_S = 30.0
_POLL_S = 0.05
_HEALTH_EVERY_S = 5.0
_HEALTH_MISSES = 6
_START_FAILURES = 3
_START_AGAIN_S = 2.0

# The errors of an attempt to start a process: no such program, a full disk, or no process or memory left on the host.
_NO_PROCESS = (OSError, subprocess.SubprocessError)

_log = structlog.get_logger()


async def _always_healthy() -> bool:
    return True


@dataclass(frozen=True)
class SupervisedProcess:
    """One process to keep running.

    Attributes:
        name: the name of the process, and of its log file.
        is_healthy: the health check: called at the start until it returns true, and every few seconds after that.
        start_timeout_s: how long the process may take to become healthy.
        stop_grace_s: how long the process may take to end after SIGTERM.
        orphan_signal: the signal that the kernel sends to the process when the supervisor dies.
        descriptors: the open files that the process inherits.
        umask: the process's umask; -1 keeps the supervisor's umask.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    is_healthy: Callable[[], Awaitable[bool]] = _always_healthy
    start_timeout_s: float = 30.0
    stop_grace_s: float = 10.0
    orphan_signal: int = signal.SIGKILL
    descriptors: tuple[int, ...] = ()
    umask: int = 0o077


@dataclass
class _Running:
    """A process that was started for a service.

    Attributes:
        said_before: the length of the process's log file when the process was started.
    """

    service: SupervisedProcess
    process: asyncio.subprocess.Process
    log: Path
    said_before: int
    started: float = field(default_factory=time.monotonic)

    def end_in_words(self) -> str:
        """Return a text that says how the process ended, or that it does not answer, with the last lines of its log."""
        code = self.process.returncode
        how = f"ended with {code}" if code is not None else "does not answer"
        return f"{how}; {last_words(self.log, self.said_before)}"

    @property
    def age_s(self) -> float:
        """Seconds since the process was started."""
        return time.monotonic() - self.started


class Supervisor:
    """Keeps services running: it starts, watches, restarts and stops their processes."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._groups: list[list[_Running]] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._starting: list[_Running] = []
        self._faults: dict[str, tuple[float, str]] = {}

    async def start(self, *services: SupervisedProcess) -> None:
        """Start a group of services at the same time, wait until all are healthy, and keep them running from then on.

        Raises:
            ConfigurationError: a service ends again and again, or never becomes healthy. The message quotes its log.
        """
        self._groups.append([])
        try:
            # If one service fails, `gather` would let the others go on starting, even after `stop`.
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(self._start_one(service))
        except ExceptionGroup as failures:
            # Only a ConfigurationError is the cause. The other failures come from the cancelling of other services.
            causes, others = failures.split(ConfigurationError)
            if causes is None:
                raise
            if others:
                _log.warning("service.start", error=repr(others))
            raise causes.exceptions[0] from None

    async def stop(self) -> None:
        """Stop all services, group by group; the group that was started last stops first."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for group in reversed(self._groups):
            await asyncio.gather(*map(_end, group))
        self._groups.clear()

    def kill(self) -> None:
        """Kill all processes, and return when they have ended."""
        alive = [each for group in self._groups for each in group if each.process.returncode is None]
        for running in alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
        for running in alive:
            end_session(running.process.pid)

    def ailments(self) -> list[str]:
        """Return a line for each service that is starting and does not answer yet, or that failed a moment ago."""
        silent = [f"{each.service.name} {each.end_in_words()}" for each in self._starting]
        now = time.monotonic()
        return silent + [text for at, text in self._faults.values() if now - at < _STABLE_AFTER_S]

    async def _start_one(self, service: SupervisedProcess) -> None:
        group = self._groups[-1]
        for _ in range(_START_FAILURES):
            try:
                running = await self._spawn(service)
            except _NO_PROCESS as error:
                raise ConfigurationError(_unstarted(service, error)) from error
            group.append(running)
            if await self._becomes_healthy(running):
                self._keepers.append(asyncio.create_task(self._keep(running)))
                return
            group.remove(running)
            said = running.end_in_words()
            await _end(running)
        raise ConfigurationError(f"{service.name} does not start: it {said}")

    async def _spawn(self, service: SupervisedProcess) -> _Running:
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._logs / f"{service.name}.log"
        path.touch(mode=0o600)
        with path.open("ab") as log:
            said_before = log.tell()
            process = await asyncio.create_subprocess_exec(
                *service.command,
                env=service.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=service.descriptors,
                umask=service.umask,
                start_new_session=True,  # Ctrl-C must reach only the supervisor, which stops in order.
                preexec_fn=functools.partial(die_with_parent, os.getpid(), service.orphan_signal),
            )
        return _Running(service, process, path, said_before)

    async def _becomes_healthy(self, running: _Running) -> bool:
        self._starting.append(running)
        deadline = time.monotonic() + running.service.start_timeout_s
        try:
            while time.monotonic() < deadline and running.process.returncode is None:
                if await running.service.is_healthy():
                    return running.process.returncode is None
                await asyncio.sleep(_POLL_S)
        finally:
            self._starting.remove(running)
        return False

    async def _keep(self, running: _Running) -> None:
        """Restart a service whenever it ends or stays unhealthy; the pause grows if it fails soon after a restart."""
        failures, name = 0, running.service.name
        while True:
            cause = await self._watch(running)
            failures = 0 if running.age_s > _STABLE_AFTER_S else failures + 1
            pause_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            self._faults[name] = (time.monotonic(), f"{name} {running.end_in_words()}")
            _log.warning("service.restart", service=name, cause=cause, pause_s=pause_s)
            await _end(running)
            await asyncio.sleep(pause_s)
            await self._respawn(running)
            await self._becomes_healthy(running)

    async def _respawn(self, running: _Running) -> None:
        """Start a new process for a service; try until it starts, because an upgrade may be replacing the program."""
        service = running.service
        while True:
            try:
                fresh = await self._spawn(service)
                break
            except _NO_PROCESS as error:
                self._faults[service.name] = (time.monotonic(), _unstarted(service, error))
                _log.warning("service.not_started", service=service.name, error=str(error))
            await asyncio.sleep(_START_AGAIN_S)
        running.process, running.started, running.said_before = fresh.process, fresh.started, fresh.said_before

    async def _watch(self, running: _Running) -> str:
        """Wait until a service needs a restart, and return the reason for the restart."""
        misses = 0
        while misses < _HEALTH_MISSES:
            with contextlib.suppress(TimeoutError):
                return f"ended with {await asyncio.wait_for(running.process.wait(), _HEALTH_EVERY_S)}"
            misses = 0 if await running.service.is_healthy() else misses + 1
        return "unhealthy"


def _unstarted(service: SupervisedProcess, error: Exception) -> str:
    return f"{service.name} cannot be started: {error}"


async def _end(running: _Running) -> None:
    """Ask a process to end, wait for its grace period, and then kill all processes of its session."""
    process = running.process
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), running.service.stop_grace_s)
    end_session(process.pid)
    await process.wait()
