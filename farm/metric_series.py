"""The metric series that the farm's processes count and that /metrics shows, with their help texts."""

from __future__ import annotations

from bisect import bisect_left
from enum import StrEnum

BUCKETS_S = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of the buckets of each histogram. One more bucket holds what is above the last bound."""
_BUCKETS = (*(f"{bound:g}" for bound in BUCKETS_S), "+Inf")


class MetricSeries(StrEnum):
    """The series that are counted.

    Each series has a name in Redis, a help text and label names. Prometheus shows the name with the prefix `farm_`. The
    label names are separated by spaces. The values of the labels are separated by spaces too, and only the last value
    may itself contain a space.
    """

    RUN = "run_seconds", "Seconds a proof ran"
    OVERHEAD = "overhead_seconds", "Seconds a process spent on a proof besides the run and the header load"
    QUEUE = "queue_seconds", "Seconds a proof waited"
    HEADER_LOAD = "header_load_seconds", "Seconds that loading a header took"
    RETRIEVAL = "retrieval_seconds", "Seconds that a stage of retrieval took", "stage"
    HEADER_HITS = "header_hits", "Proofs that found their header already loaded"
    REPL_STARTS = "repl_starts", "Starts of a REPL, by the reason why the previous REPL ended", "cause"
    SANDBOX_DENIALS = "sandbox_denials", "REPLs that a limit of the sandbox ended", "bound"
    EMBEDDING_BATCHES = "embedding_batches", "Batches of queries that were embedded"
    EMBEDDED_TEXTS = "embedded_texts", "Texts that were embedded"
    HTTP = "http_seconds", "Seconds from a request to the beginning of its answer", "method route status"

    help: str
    label: str | None

    def __new__(cls, name: str, help: str, label: str | None = None) -> MetricSeries:
        """Make a series from its name, its help text for Prometheus, and its label names."""
        series = str.__new__(cls, name)
        series._value_, series.help, series.label = name, help, label
        return series


class Bound(StrEnum):
    """The limits of the sandbox that end a REPL. A call that the sandbox merely refuses cannot be seen, nor counted."""

    SECCOMP = "seccomp"
    """The REPL made a system call that is plainly hostile (SIGSYS)."""
    FILE_SIZE = "file size"
    """The REPL wrote a file larger than is allowed (SIGXFSZ)."""
    MEMORY = "memory"
    """The watchdog found more resident memory than `LEAN_MEMORY_LIMIT_MB`."""
    SCRATCH = "scratch"
    """The REPL put more into its scratch folder than is allowed."""


HISTOGRAMS = (
    MetricSeries.RUN,
    MetricSeries.OVERHEAD,
    MetricSeries.QUEUE,
    MetricSeries.HEADER_LOAD,
    MetricSeries.RETRIEVAL,
    MetricSeries.HTTP,
)
"""The series that are histograms of seconds; the others are counters."""


def names_of(series: MetricSeries, label: str, seconds: float) -> tuple[str, str]:
    """Return the names of the two counters that a duration changes in a histogram: its bucket, and the sum in µs."""
    place = bisect_left(BUCKETS_S, seconds)
    return f"{series}:{label}:{_BUCKETS[place]}", f"{series}:{label}:sum_us"
