"""The last day of a farm, minute by minute, and what needs an operator now."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class AlarmKind(StrEnum):
    """What may need an operator."""

    CANARY = "canary"
    """A false proof was accepted."""
    UNSOUND = "unsound"
    """Workers run a Lean whose kernel is known to accept a proof of `False`."""
    INVALID_STATEMENTS = "invalid_statements"
    """Lean cannot read statements that were submitted."""
    DEAF = "deaf"
    """Workers are idle although work waits."""
    REAPER = "reaper"
    """No reaper is at work: lost work is not taken back, and no history is written."""


class Alarm(BaseModel):
    """Something that needs an operator.

    Attributes:
        kind: what kind of trouble it is.
        text: what is wrong, in one sentence.
        action: what to do about it.
        since: Unix time at which it was first seen, to the minute; None if it was not there a minute ago.
        see: the view of the console that shows more, such as `#/workers`.
    """

    kind: AlarmKind
    text: str
    action: str
    since: float | None = None
    see: str


class HistoryEvent(BaseModel):
    """Something that explains a change in the figures.

    Attributes:
        at: Unix time at which it was seen.
        kind: `drain`, `workers` (processes came or went), or the kind of an alarm that began.
        text: what happened.
    """

    at: float
    kind: str
    text: str


class Minute(BaseModel):
    """The figures of one minute.

    Attributes:
        at: Unix time of its beginning.
        seconds: how many seconds its counts cover: 60, or fewer where the farm started in that minute.
        verdicts: verdicts written, by `accepted`, or else by their reason; `answered` counts sessions and searches.
        pending: proofs that waited at its end.
        leased: proofs that ran at its end.
        queue_p50_s: seconds that half of the proofs waited at most; None if none began. Read off a histogram whose
            largest bound is 300 s.
        queue_p95_s: the same for 95 of 100.
        run_p50_s: seconds that half of the proofs ran at most; None if none ended.
        run_p95_s: the same for 95 of 100.
        retrievals: premise queries that were answered over HTTP.
        processes: processes that were alive at its end, by kind.
        restarts: starts of a REPL, by why the one before it ended.
        memory_mb: resident memory of all these processes and their REPLs.
    """

    at: int
    seconds: float = 60.0
    verdicts: dict[str, int] = Field(default_factory=dict)
    pending: int = 0
    leased: int = 0
    queue_p50_s: float | None = None
    queue_p95_s: float | None = None
    run_p50_s: float | None = None
    run_p95_s: float | None = None
    retrievals: int = 0
    processes: dict[str, int] = Field(default_factory=dict)
    restarts: dict[str, int] = Field(default_factory=dict)
    memory_mb: float = 0.0


class HostMinute(BaseModel):
    """What the processes of one host did in one minute.

    Attributes:
        processes: how many were alive at its end.
        busy: how many of them were at work then.
        failed: how many of them could not work.
        proofs: proofs that they ran.
        restarts: restarts of their REPLs.
        memory_mb: their resident memory, with their REPLs.
    """

    processes: int = 0
    busy: int = 0
    failed: int = 0
    proofs: int = 0
    restarts: int = 0
    memory_mb: float = 0.0


class History(BaseModel):
    """The answer to `GET /v1/history`.

    Attributes:
        start: Unix time at which the first of the minutes begins.
        minutes: one for each minute, the oldest first; None where nothing is known, as while no reaper ran. Such a
            minute is not a minute of zeros.
        hosts: for each host, one for each of the last minutes, at most 30, the latest last; None where nothing is
            known. Empty unless it was asked for.
        events: what happened in these minutes, the oldest first.
        alarms: what needs an operator now.
    """

    start: int
    minutes: list[Minute | None]
    hosts: dict[str, list[HostMinute | None]] = Field(default_factory=dict)
    events: list[HistoryEvent] = Field(default_factory=list)
    alarms: list[Alarm] = Field(default_factory=list)
