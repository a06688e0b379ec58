"""The Lean environments of a farm: what can be asked for."""

from __future__ import annotations

from pydantic import BaseModel

from farm.models.proofs import DEFAULT_ENVIRONMENT


class EnvironmentStatus(BaseModel):
    """One Lean environment.

    Attributes:
        name: what a request says as `environment`.
        lean_version: the Lean its workers run; None where that is not known.
        project: the project proofs may import.
        repl: which REPL it is.
        sandbox: the layers around a REPL, outermost first.
        workers: live Lean processes.
        pending: proofs that wait.
        leased: proofs in the hands of workers.
        seen_s: seconds since the last sign of life of any of them; None when there never was one.
        notice: what one should know before sending proofs there, such as that nobody is there to run them.
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
    """The answer of `GET /v1/environments`: the default one, and then the others by name."""

    environments: list[EnvironmentStatus]


def lean_part(environment: str) -> str:
    """Return the name by which `/readyz` lists the workers of an environment; also that of their queue and log."""
    return "lean" if environment == DEFAULT_ENVIRONMENT else f"lean.{environment}"
