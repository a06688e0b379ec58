"""`farm up`'s supervisor with real processes: a service comes back whose program or log was removed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from farm.errors import ConfigurationError
from farm.local.last_words import last_words
from farm.local.supervisor import SupervisedProcess, Supervisor
from tests.support.running import await_true


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "logs")
    yield supervisor
    await supervisor.stop()


def install(program: Path) -> None:
    program.write_text(f'#!/bin/sh\necho $$ > "{program}.pid"\nexec sleep 600\n')
    program.chmod(0o700)


def pid_of(program: Path) -> int:
    """Return the process that a program ran in last; 0 before it has run."""
    note = program.with_name(f"{program.name}.pid")
    return int(note.read_text() or 0) if note.exists() else 0


async def started(supervisor: Supervisor, program: Path) -> int:
    """Start a service, and return its process."""
    install(program)
    await supervisor.start(SupervisedProcess("service", [str(program)], dict(os.environ)))
    await asyncio.to_thread(await_true, lambda: pid_of(program), "the service")
    return pid_of(program)


async def test_a_service_whose_program_is_being_replaced_starts_again(supervisor: Supervisor, tmp_path: Path) -> None:
    program = tmp_path / "service"
    first = await started(supervisor, program)

    program.unlink()
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(await_true, lambda: "cannot be started" in str(supervisor.ailments()), "a failure")
    install(program)
    await asyncio.to_thread(await_true, lambda: pid_of(program) not in (0, first), "another process")


async def test_a_program_that_is_missing_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"service cannot be started: .*No such file"):
        await supervisor.start(SupervisedProcess("service", [str(tmp_path / "missing")], dict(os.environ)))


async def test_a_service_whose_log_was_removed_starts_again(supervisor: Supervisor, tmp_path: Path) -> None:
    program = tmp_path / "service"
    first = await started(supervisor, program)

    (tmp_path / "logs" / "service.log").unlink()
    os.kill(first, signal.SIGKILL)

    await asyncio.to_thread(await_true, lambda: pid_of(program) not in (0, first), "another process")
    assert "service ended with -9; it logged nothing" in str(supervisor.ailments())


def test_of_a_long_log_only_the_end_is_read(tmp_path: Path) -> None:
    log, lines = tmp_path / "log", [f"line {number}" for number in range(200_000)]
    log.write_text("\n".join(lines))

    said = last_words(log, len("line 0\n")).splitlines()

    assert said[0] == "its last messages:"
    assert 100 < len(said) < 10_000
    assert said[1:] == lines[-len(said) + 1 :], "whole lines, up to the last"


def test_a_log_that_was_emptied_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("written since\n")

    assert last_words(log, 10_000) == "its last messages:\nwritten since"
