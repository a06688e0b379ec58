"""The models of a farm's history: the figures of its last day, minute by minute, and its alarms."""

from __future__ import annotations

from pydantic import BaseModel, Field

from farm.models.open_words import OpenWord


class AlarmKind(OpenWord):
    """The kinds of trouble that need an operator."""

    CANARY = "canary"
    """A false proof was accepted."""
    UNSOUND = "unsound"
    """Workers run a Lean whose kernel is known to accept a proof of `False`."""
    INVALID_STATEMENTS = "invalid_statements"
    """Lean cannot read statements that were submitted."""
    FAILED = "failed"
    """Processes are alive but cannot work."""
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
        since: Unix time at which the farm first saw the trouble, to the minute; None if the trouble is less than a
            minute old.
        see: the view of the console that shows more, such as `#/workers`. Its query, if any, says which rows to mark.
        title: what is wrong, in a few words.
        name: the alarm's own name, which stays the same as long as the trouble lasts; its texts may change.
    """

    kind: AlarmKind
    text: str
    action: str
    since: float | None = None
    see: str
    title: str = ""
    name: str = ""


class HistoryEvent(BaseModel):
    """Something that explains a change in the figures.

    Attributes:
        at: Unix time at which the farm saw the event.
        kind: `drain`, `workers` (processes came or went), or the kind of an alarm that began.
        text: what happened.
    """

    at: float
    kind: str
    text: str


class Minute(BaseModel):
    """The figures of one minute.

    Attributes:
        at: Unix time at which the minute begins.
        seconds: how many seconds the counts cover: about 60, or fewer if the farm started in this minute.
        verdicts: how many verdicts were written, by their reason, or by `accepted` for verdicts without a reason.
            `answered` counts the answers to sessions and searches.
        pending: proofs that were waiting when the minute ended.
        leased: proofs that were running when the minute ended.
        queue_p50_s: the median of the seconds that proofs waited; None if no proof began. It is an estimate from
            `queue_counts` and may exceed the longest of these times.
        queue_p95_s: the 95th percentile of the same times.
        run_p50_s: the median of the seconds that proofs ran; None if no proof ended.
        run_p95_s: the 95th percentile of the same times.
        queue_counts: how many proofs waited how long, in ranges between the bounds of `History.bounds_s`. Each key is
            the upper bound of a range: with the bounds 10 and 30, the key `30` counts the times above 10 s, up to 30 s.
            The key `+Inf` counts the times above the last bound. A key without proofs is absent.
        run_counts: how many proofs ran how long, in the same way.
        retrievals: premise queries that were answered over HTTP.
        processes: the number of processes that were alive when the minute ended, by kind.
        failed: the number of these processes that could not work, by kind.
        restarts: how often REPLs were restarted, by the reason why the previous process ended.
        memory_mb: resident memory of all processes that were alive when the minute ended, and of their REPLs.
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
    queue_counts: dict[str, int] = Field(default_factory=dict)
    run_counts: dict[str, int] = Field(default_factory=dict)
    retrievals: int = 0
    processes: dict[str, int] = Field(default_factory=dict)
    failed: dict[str, int] = Field(default_factory=dict)
    restarts: dict[str, int] = Field(default_factory=dict)
    memory_mb: float = 0.0


class HostMinute(BaseModel):
    """What the processes of one host did in one minute.

    Attributes:
        processes: how many processes were alive when the minute ended.
        busy: how many of these processes were at work when the minute ended.
        failed: how many of these processes could not work.
        proofs: the number of proofs that the processes ran.
        restarts: how often the processes restarted their REPLs.
        memory_mb: the resident memory of the processes and their REPLs.
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
        minutes: the figures of each minute, the oldest first. None stands for a minute of which nothing is known, for
            example because no reaper was running; it does not mean that the figures were zero.
        hosts: for each host, its figures in each of the last minutes, at most 30, the oldest first. None stands for a
            minute of which nothing is known. Empty if the request did not ask for hosts.
        events: what happened in these minutes, the oldest first.
        alarms: what needs an operator now.
        bounds_s: the bounds of the ranges in `queue_counts` and `run_counts` of a minute, in ascending order.
    """

    start: int
    minutes: list[Minute | None]
    hosts: dict[str, list[HostMinute | None]] = Field(default_factory=dict)
    events: list[HistoryEvent] = Field(default_factory=list)
    alarms: list[Alarm] = Field(default_factory=list)
    bounds_s: list[float] = Field(default_factory=list)
