"""The models of the farm's workers, and of the work that is waiting for them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from farm.models.open_words import OpenWord
from farm.models.proofs import DEFAULT_ENVIRONMENT
from farm.models.verdicts import Environment


class WorkerKind(OpenWord):
    """The three kinds of worker. The processes of one kind form a group, which is called a room."""

    LEAN = "lean"
    EMBED = "embed"
    PREMISES = "premises"


class WorkerStatus(BaseModel):
    """One worker process.

    Attributes:
        id: the host, the process id and when the process started; unique across restarts.
        environment: the Lean environment that a Lean worker works for; meaningless for other kinds.
        serves: the description of that environment in the worker's verdicts; None for other kinds.
        state: `starting`, `idle`, `busy` or `failed`.
        progress: how much of the loading is done, 0 to 1, while the process is starting.
        notice: a sentence for the operator, such as why there is no Lean.
        engine: what does the work, such as a Lean version or an embedding model.
        sandbox: the layers around a Lean worker's REPL, outermost first, on one line; empty for other kinds.
        header: the header that the worker loaded last, on one line.
        proofs: how many proofs the worker has run.
        restarts: how often the worker's REPL has been restarted.
        memory_mb: resident memory of the worker's process tree.
        seen_s: seconds since the worker's last sign of life.
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
    """How many proofs are waiting and running in one Lean environment."""

    environment: str
    pending: int
    leased: int


class FarmStatus(BaseModel):
    """The answer to `GET /v1/workers`.

    Attributes:
        draining: whether the farm is draining: it finishes the running work and starts no more.
        flower: the address of Flower (`FLOWER_URL`); empty if that is not set.
    """

    workers: list[WorkerStatus]
    queues: list[QueueStatus] = Field(default_factory=list)
    draining: bool = False
    flower: str = ""
