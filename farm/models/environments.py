"""The models of the Lean environments that a farm offers: each is a Lean version with a project."""

from __future__ import annotations

from pydantic import BaseModel

from farm.models.proofs import DEFAULT_ENVIRONMENT


class EnvironmentStatus(BaseModel):
    """One Lean environment.

    Attributes:
        name: the name by which a request's `environment` refers to it.
        lean_version: the version of Lean that its workers run; None if it is not known.
        project: the project that proofs may import.
        repl: the REPL that its workers use.
        sandbox: the layers around a REPL, outermost first.
        workers: how many Lean processes are alive.
        pending: how many proofs are waiting.
        leased: how many proofs are running.
        seen_s: seconds since the last sign of life of any of its workers; None when no worker has given a sign.
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
    """The answer to `GET /v1/environments`: first the default environment, then the others in the order of names."""

    environments: list[EnvironmentStatus]


def lean_part(environment: str) -> str:
    """Return the name that an environment's workers have in `/readyz`; their queue and their log have the same name."""
    return "lean" if environment == DEFAULT_ENVIRONMENT else f"lean.{environment}"
