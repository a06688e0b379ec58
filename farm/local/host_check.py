"""Checks that a host can join a farm: that it reaches the store, has a suitable release, and has a working Lean.

A host without a working Lean would answer proofs with `undecided`, faster than the other hosts can judge them.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from farm.errors import ConfigurationError, LeanNotFound, StoreUnavailable
from farm.local.lean_rooms import LocalLeanRoom
from farm.processes import die_with_parent, end_session, own_module
from farm.store.connection import connect
from farm.store.schema import enter_store


def check_store(url: str) -> None:
    """Check that this host can use the farm's store.

    Raises:
        SchemaMismatch: the releases of the farm and of this host are too far apart.
        ConfigurationError: the store does not answer this host.
    """
    try:
        with closing(connect(url)) as client:
            enter_store(client)
    except StoreUnavailable as error:
        parts = urlsplit(url)
        raise ConfigurationError(
            f"The farm's store at {parts.hostname}:{parts.port} does not answer this host: is there a firewall between "
            f"them? ({error.message})"
        ) from error


async def check_lean(room: LocalLeanRoom, environment: dict[str, str], log: Path) -> str:
    """Check Lean with a proof, which runs as proofs will run in the room's workers.

    If this check is cancelled, it leaves no process behind.

    Args:
        room: the Lean room: the workers of one Lean environment on this host.
        environment: the environment variables of the room's processes.
        log: the file for the check's messages.

    Returns:
        Why the room's external checker cannot be relied on; if it cannot, no verdict is `attested`. Empty if the
        checker judges rightly, or if none is set up.

    Raises:
        LeanNotFound: Lean does not work; the message says why.
    """
    command = own_module("workers.lean.diagnosis", *room.arguments)
    said = await _output(command, {**environment, **room.variables}, log)
    try:
        report = json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        raise LeanNotFound(f"The check of Lean for the environment {room.environment} failed: see {log}") from None
    if not report["ok"]:
        why = report["notice"] or "its REPL gives wrong answers"
        raise LeanNotFound(f"This host cannot judge proofs of the environment {room.environment}: {why}")
    return str(report.get("checker_notice", ""))


async def _output(command: list[str], environment: dict[str, str], log: Path) -> bytes:
    """Return what a command prints on stdout, even if the command fails."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            start_new_session=True,
            preexec_fn=functools.partial(die_with_parent, os.getpid()),
        )
    try:
        said, _ = await process.communicate()
        return said
    finally:
        end_session(process.pid)
