"""The worker services that `farm up` and `farm join` run: how each is started, and how its health is checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from farm.local.lean_rooms import LocalLeanRoom
from farm.local.supervisor import SupervisedProcess
from farm.models import lean_part
from farm.processes import own_module
from farm.signs_of_life import is_silent


def python_service(module: str, environment: dict[str, str]) -> SupervisedProcess:
    """Return the service of a module, such as `workers.reaper`."""
    name = module.rpartition(".")[2]
    return SupervisedProcess(name, own_module(module), environment, _gives_signs(name, environment))


def lean_service(room: LocalLeanRoom, environment: dict[str, str]) -> SupervisedProcess:
    """Return the service of a Lean room."""
    command = own_module("workers.lean", *room.arguments)
    name = lean_part(room.environment)
    # The toolchain and the REPL that a room may fetch are run under other user ids, which have to read them.
    return SupervisedProcess(
        name, command, {**environment, **room.variables}, _gives_signs(name, environment), umask=-1
    )


def _gives_signs(part: str, environment: dict[str, str]) -> Callable[[], Awaitable[bool]]:
    """Return a check that a part has not fallen silent; the part may take long to give its first sign of life."""

    async def is_healthy() -> bool:
        return not is_silent(Path(environment["DATA_DIR"]), part)

    return is_healthy
