"""The worker services of `farm up` and `farm join`, for the supervisor: the command and the health check of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from farm.local.lean_rooms import LocalLeanRoom
from farm.local.supervisor import SupervisedProcess
from farm.models import lean_part
from farm.processes import own_module
from farm.signs_of_life import is_silent


def python_service(module: str, environment: dict[str, str]) -> SupervisedProcess:
    """Return the service that runs a Python module, such as `workers.reaper`."""
    name = module.rpartition(".")[2]
    return SupervisedProcess(name, own_module(module), environment, _gives_signs(name, environment))


def lean_service(room: LocalLeanRoom, environment: dict[str, str]) -> SupervisedProcess:
    """Return the service that runs the workers of a Lean room."""
    command = own_module("workers.lean", *room.arguments)
    name = lean_part(room.environment)
    # The umask stays as it is: proofs run under other user ids, which have to read a toolchain that the room fetches.
    return SupervisedProcess(
        name, command, {**environment, **room.variables}, _gives_signs(name, environment), umask=-1
    )


def _gives_signs(part: str, environment: dict[str, str]) -> Callable[[], Awaitable[bool]]:
    """Return a health check: a part is healthy unless its signs of life have ceased. The first sign may take long."""

    async def is_healthy() -> bool:
        return not is_silent(Path(environment["DATA_DIR"]), part)

    return is_healthy
