"""The arithmetic of the history.

Once a minute a reaper looks at the store. A minute's figures are the difference between two such looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel, Field

from farm.metric_series import BUCKETS_S, MetricSeries
from farm.models import HistoryEvent, HostMinute, Minute

MINUTE_S = 60
KEPT_MINUTES = 1440
KEPT_HOST_MINUTES = 30
MOST_HOSTS = 200
"""For how many hosts the figures of a minute are kept. If a farm has more hosts, the first ones by name are kept."""

_BUCKETS = (*(f"{bound:g}" for bound in BUCKETS_S), "+Inf")
_RETRIEVALS = tuple(f"{MetricSeries.HTTP}:POST {route} 2xx" for route in ("/retrieve", "/v1/retrieve"))
# A minute is made of these figures. The other figures of the store are not kept in a look.
_WANTED = (f"{MetricSeries.RUN}:", f"{MetricSeries.QUEUE}:", f"{MetricSeries.REPL_STARTS}:", *_RETRIEVALS)
_LEAST_RESERVED_OF = 4  # if there are this many processes or more, one waits for interactive work (claim.lua)


class SeenWorker(BaseModel):
    """The fields of a process's `WorkerStatus` that a look keeps."""

    kind: str
    host: str
    environment: str
    state: str
    proofs: int
    restarts: int
    memory_mb: float


class Look(BaseModel):
    """A look at the store: the figures that it showed at one moment.

    Attributes:
        at_ms: the Unix time of that moment, in milliseconds.
        totals: how many verdicts had been written up to that moment, by `outcome:reason`.
        figures: what the processes had counted up to that moment, by name. Counts that no minute needs are left out.
        workers: the live processes.
        pending: how many proofs waited, in all environments.
        leased: how many proofs workers held, in all environments.
        claimable: the environments with waiting work that a process could have claimed.
    """

    at_ms: int
    totals: dict[str, int] = Field(default_factory=dict)
    figures: dict[str, int] = Field(default_factory=dict)
    workers: dict[str, SeenWorker] = Field(default_factory=dict)
    pending: int = 0
    leased: int = 0
    claimable: list[str] = Field(default_factory=list)

    @property
    def minute(self) -> int:
        """The number of the minute in which the look was made, counted from 1970."""
        return self.at_ms // (MINUTE_S * 1000)


def wanted(figures: Mapping[str, int]) -> dict[str, int]:
    """Return only the figures from which minutes are made; a look keeps no others."""
    return {name: count for name, count in figures.items() if name.startswith(_WANTED)}


def minute_between(before: Look | None, now: Look) -> Minute | None:
    """Return the figures of the minute that ended with the latest look.

    Returns:
        None if the figures are not known, because no look was made in the minute before, or because the store has lost
        counts since that look.
    """
    if before is None or before.minute != now.minute - 1:
        return None
    totals, figures = _growth(before.totals, now.totals), _growth(before.figures, now.figures)
    if totals is None or figures is None:
        return None
    queue, run = (_histogram(figures, series) for series in (MetricSeries.QUEUE, MetricSeries.RUN))
    return Minute(
        at=before.minute * MINUTE_S,
        seconds=round((now.at_ms - before.at_ms) / 1000, 3),
        verdicts=_by_kind(totals),
        pending=now.pending,
        leased=now.leased,
        queue_p50_s=quantile(queue, 0.5),
        queue_p95_s=quantile(queue, 0.95),
        run_p50_s=quantile(run, 0.5),
        run_p95_s=quantile(run, 0.95),
        queue_counts=_by_bound(queue),
        run_counts=_by_bound(run),
        retrievals=sum(by for name, by in figures.items() if name.startswith(_RETRIEVALS) and "sum_us" not in name),
        processes=Counter(worker.kind for worker in now.workers.values()),
        failed=Counter(worker.kind for worker in now.workers.values() if worker.state == "failed"),
        restarts=_restarts(figures),
        memory_mb=round(sum(worker.memory_mb for worker in now.workers.values()), 1),
    )


def _growth(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int] | None:
    """Return by how much each counter has grown. Counters that have not grown are left out; None if one has shrunk."""
    grown = {name: now.get(name, 0) - before.get(name, 0) for name in {*before, *now}}
    return None if any(by < 0 for by in grown.values()) else {name: by for name, by in grown.items() if by}


def _by_kind(totals: Mapping[str, int]) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for name, by in totals.items():
        outcome, _, reason = name.partition(":")
        kinds[reason if reason and outcome != "answered" else outcome] += by
    return kinds


def _histogram(figures: Mapping[str, int], series: MetricSeries) -> list[int]:
    return [figures.get(f"{series}::{bucket}", 0) for bucket in _BUCKETS]


def _by_bound(counts: Sequence[int]) -> dict[str, int]:
    return {bound: count for bound, count in zip(_BUCKETS, counts, strict=True) if count}


def _restarts(figures: Mapping[str, int]) -> dict[str, int]:
    starts = f"{MetricSeries.REPL_STARTS}:"
    causes = {name.removeprefix(starts): by for name, by in figures.items() if name.startswith(starts)}
    return {cause: by for cause, by in causes.items() if cause != "first"}


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the value below which a share of the values in a histogram lies; None if the histogram is empty.

    Between the bounds of a bucket, the value is interpolated.

    Args:
        counts: how many values each bucket of `BUCKETS_S` holds, and then how many values are above the last bound.
            A value above the last bound counts as if it were equal to that bound.
        share: the share, from 0 to 1.
    """
    wanted, below = share * sum(counts), 0
    for low, high, count in zip((0.0, *BUCKETS_S), (*BUCKETS_S, BUCKETS_S[-1]), counts, strict=True):
        if count and below + count >= wanted:
            return round(low + (high - low) * (wanted - below) / count, 4)
        below += count
    return None


def hosts_between(before: Look, now: Look) -> dict[str, HostMinute]:
    """Return the figures of each host for the time between two looks."""
    found: dict[str, HostMinute] = {}
    for worker_id, worker in now.workers.items():
        host, earlier = found.setdefault(worker.host, HostMinute()), before.workers.get(worker_id)
        host.processes += 1
        host.busy += worker.state == "busy"
        host.failed += worker.state == "failed"
        host.proofs += worker.proofs - (earlier.proofs if earlier else 0)
        host.restarts += worker.restarts - (earlier.restarts if earlier else 0)
        host.memory_mb = round(host.memory_mb + worker.memory_mb, 1)
    return {name: found[name] for name in sorted(found)[:MOST_HOSTS]}


def deaf_workers(before: Look | None, now: Look) -> list[str]:
    """Return the Lean processes that have run nothing between two looks, although work waited at both looks.

    If an environment has enough processes to keep one free for interactive work, a single idle process is not returned.
    """
    deaf = []
    for environment in now.claimable:
        if before is None or environment not in before.claimable:
            continue
        ours = [name for name, each in now.workers.items() if (each.kind, each.environment) == ("lean", environment)]
        idle = [name for name in ours if _has_rested(before.workers.get(name), now.workers[name])]
        # In a farm of this size, one process is left free for interactive work.
        if len(idle) > (len(ours) >= _LEAST_RESERVED_OF):
            deaf += idle
    return sorted(deaf)


def _has_rested(before: SeenWorker | None, now: SeenWorker) -> bool:
    return before is not None and before.state == now.state == "idle" and before.proofs == now.proofs


def comings_and_goings(before: Look | None, now: Look) -> Iterator[HistoryEvent]:
    """For each host and kind of process, yield one event if any processes came or went between two looks."""
    if before is None:
        return
    came, gone = _places(now, now.workers.keys() - before.workers), _places(before, before.workers.keys() - now.workers)
    for kind, host in sorted({*came, *gone}):
        text = " and ".join(_changes(kind, came[kind, host], gone[kind, host]))
        yield HistoryEvent(at=now.at_ms / 1000, kind="workers", text=f"{text} on {host}")


def _places(look: Look, names: Iterable[str]) -> Counter[tuple[str, str]]:
    return Counter((look.workers[name].kind, look.workers[name].host) for name in names)


def _changes(kind: str, came: int, gone: int) -> Iterator[str]:
    again = min(came, gone)
    changes = ((again, "restarted"), (came - again, "started"), (gone - again, "stopped"))
    for count, what in changes:
        if count:
            yield f"{count} {kind} process{'' if count == 1 else 'es'} {what}"
