"""The workers of the farm, and the state of its parts."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from farm.models.proofs import DEFAULT_ENVIRONMENT
from farm.models.verdicts import Environment


class WorkerKind(StrEnum):
    """The three rooms, each a kind of worker."""

    LEAN = "lean"
    EMBED = "embed"
    PREMISES = "premises"


class WorkerStatus(BaseModel):
    """One worker process.

    Attributes:
        id: the host, the process id and when the process started; unique across restarts.
        environment: the Lean environment that a Lean worker works for; meaningless for other kinds.
        serves: how a Lean worker's verdicts describe that environment; None for other kinds.
        state: `starting`, `idle`, `busy` or `failed`.
        progress: how much of the loading is done, 0 to 1, while the process is starting.
        notice: a sentence for the operator, such as why there is no Lean.
        engine: what does the work, such as a Lean version or an embedding model.
        sandbox: the layers around a Lean worker's REPL, outermost first, on one line; empty for other kinds.
        header: the header it loaded last, on one line.
        proofs: how many proofs it has run.
        restarts: how often its REPL has been restarted.
        memory_mb: resident memory of its process tree.
        seen_s: seconds since its last sign of life.
    """

    id: str
    kind: WorkerKind
    environment: str = DEFAULT_ENVIRONMENT
    serves: Environment | None = None
    host: str
    pid: int
    state: str = "starting"
    progress: float = 1.0
    notice: str = ""
    engine: str = ""
    sandbox: str = ""
    header: str = ""
    proofs: int = 0
    restarts: int = 0
    memory_mb: float = 0.0
    seen_s: float = 0.0


class QueueStatus(BaseModel):
    """How much is waiting and running in one environment."""

    environment: str
    pending: int
    leased: int


class FarmStatus(BaseModel):
    """The answer to `GET /v1/workers`.

    Attributes:
        draining: whether the farm finishes what runs and starts nothing more.
        flower: where Flower is (`FLOWER_URL`); empty if that is not set.
    """

    workers: list[WorkerStatus]
    queues: list[QueueStatus] = Field(default_factory=list)
    draining: bool = False
    flower: str = ""
