"""The counts of a worker process for /metrics: kept in memory, and added to the farm's figures with each heartbeat.

A process that is killed loses its counts of the last two seconds. No verdict is lost from the figures, because the
store counts verdicts when they are written.
"""

from __future__ import annotations

import threading
from collections import Counter

from farm.metric_series import MetricSeries, names_of
from farm.store.client import RedisClient
from farm.store.metric_counts import add_figures


class Metrics:
    """The counts of one process; any of its threads may count."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, series: MetricSeries, label: str = "", by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[f"{series}:{label}"] += by

    def observe(self, series: MetricSeries, seconds: float, label: str = "") -> None:
        """Put a duration into the histogram of a series."""
        bucket, total = names_of(series, label, seconds)
        with self._lock:
            self._counts[bucket] += 1
            self._counts[total] += int(seconds * 1e6)

    def hand_in(self, client: RedisClient) -> None:
        """Add what was counted to the farm's figures.

        Raises:
            StoreUnavailable: Redis does not answer; the counts are kept.
        """
        with self._lock:
            counted, self._counts = self._counts, Counter()
        try:
            add_figures(client, counted)
        except BaseException:
            with self._lock:
                self._counts.update(counted)
            raise
