"""The Lean environments that a farm offers."""

from __future__ import annotations

from pydantic import BaseModel

from farm.models.proofs import DEFAULT_ENVIRONMENT


class EnvironmentStatus(BaseModel):
    """One Lean environment.

    Attributes:
        name: the name that a request's `environment` gives.
        lean_version: the version of Lean that its workers run; None if it is not known.
        project: the project that proofs may import.
        repl: the REPL that its workers use.
        sandbox: the layers around a REPL, outermost first.
        workers: live Lean processes.
        pending: proofs that wait.
        leased: proofs that workers hold.
        seen_s: seconds since the last sign of life of any of its workers; None when there has been none.
        notice: what to know before sending proofs to this environment, such as that it has no worker to run them.
    """

    name: str
    lean_version: str | None = None
    project: str | None = None
    repl: str | None = None
    sandbox: list[str] = []
    workers: int = 0
    pending: int = 0
    leased: int = 0
    seen_s: float | None = None
    notice: str = ""


class EnvironmentList(BaseModel):
    """The answer to `GET /v1/environments`: the default environment, and then the others by name."""

    environments: list[EnvironmentStatus]


def lean_part(environment: str) -> str:
    """Return the name of an environment's workers in `/readyz`, which is also the name of their queue and log."""
    return "lean" if environment == DEFAULT_ENVIRONMENT else f"lean.{environment}"
