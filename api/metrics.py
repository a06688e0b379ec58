"""Metrics for Prometheus, read from the store at each scrape, so that any API process answers for the whole farm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from api.environments import lean_workers
from farm.metric_series import BUCKETS_S, HISTOGRAMS, Bound, MetricSeries
from farm.models import FarmStatus
from farm.store.cache import CacheStats
from farm.store.pauses import Alarms

_BOUNDS = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
# Counters with these labels are shown from the start: if a counter first appears with the value 1, Prometheus does not
# see the step from 0.
_KNOWN: dict[MetricSeries, tuple[str, ...]] = {MetricSeries.SANDBOX_DENIALS: tuple(Bound)}


@dataclass(frozen=True, slots=True)
class Readings:
    """The figures that a scrape shows.

    Attributes:
        status: the workers and the queues.
        totals: how many verdicts there were, by (outcome, reason).
        cache: how the verdict cache is used.
        alarms: how canaries were judged, and how many keys they paused.
        figures: what the farm's processes counted (farm/store/metric_counts.py).
        queue_ages_s: the age of the oldest waiting batch, by environment.
    """

    status: FarmStatus
    totals: dict[tuple[str, str], int]
    cache: CacheStats
    alarms: Alarms
    figures: dict[str, int]
    queue_ages_s: dict[str, float]


class _Snapshot(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._status = readings.status
        self._totals = readings.totals
        self._cache = readings.cache
        self._alarms = readings.alarms

    def collect(self) -> Iterator[Metric]:
        verdicts = CounterMetricFamily("farm_verdicts", "Verdicts written", labels=["outcome", "reason"])
        for (outcome, reason), count in sorted(self._totals.items()):
            verdicts.add_metric([outcome, reason], count)
        yield verdicts
        for name, text in (("pending", "Proofs that wait"), ("leased", "Proofs that are leased to workers")):
            gauge = GaugeMetricFamily(f"farm_{name}", text, labels=["environment"])
            for queue in self._status.queues:
                gauge.add_metric([queue.environment], getattr(queue, name))
            yield gauge
        serving = GaugeMetricFamily("farm_environment_workers", "Lean processes", labels=["environment"])
        for queue in self._status.queues:
            serving.add_metric([queue.environment], len(lean_workers(self._status, queue.environment)))
        yield serving
        ages = GaugeMetricFamily("farm_queue_age_seconds", "Age of the oldest batch that waits", labels=["environment"])
        for environment, age_s in self._readings.queue_ages_s.items():
            ages.add_metric([environment], age_s)
        yield ages
        yield from _counted(self._readings.figures)
        yield from self._workers()
        yield from self._kept()
        yield from self._canaries()

    def _workers(self) -> Iterator[Metric]:
        count = GaugeMetricFamily("farm_workers", "Worker processes", labels=["kind", "state"])
        memory = GaugeMetricFamily("farm_worker_memory_bytes", "Resident memory of a REPL's tree", labels=["worker"])
        proofs = CounterMetricFamily("farm_worker_proofs", "Proofs run by a process", labels=["worker"])
        restarts = CounterMetricFamily("farm_worker_restarts", "REPL restarts by a process", labels=["worker"])
        seen: dict[tuple[str, str], int] = {}
        for worker in self._status.workers:
            seen[worker.kind.value, worker.state] = seen.get((worker.kind.value, worker.state), 0) + 1
            memory.add_metric([worker.id], worker.memory_mb * 1024 * 1024)
            proofs.add_metric([worker.id], worker.proofs)
            restarts.add_metric([worker.id], worker.restarts)
        for labels, number in sorted(seen.items()):
            count.add_metric(list(labels), number)
        yield from (count, memory, proofs, restarts)

    def _kept(self) -> Iterator[Metric]:
        cache = self._cache
        yield GaugeMetricFamily("farm_verdict_cache_entries", "Verdicts kept to answer repeats", value=cache.kept)
        yield GaugeMetricFamily("farm_verdict_cache_bytes", "Memory of kept verdicts in Redis", value=cache.bytes)
        yield CounterMetricFamily("farm_verdict_cache_hits", "Proofs answered without a run", value=cache.hits)
        yield CounterMetricFamily("farm_verdict_cache_misses", "Proofs without a kept verdict", value=cache.misses)
        yield CounterMetricFamily("farm_verdict_cache_shared", "Proofs that waited for a run", value=cache.shared)
        yield CounterMetricFamily("farm_verdict_cache_evicted", "Verdicts evicted to make room", value=cache.evicted)

    def _canaries(self) -> Iterator[Metric]:
        judged = CounterMetricFamily("farm_canaries", "False proofs mixed in; none may be accepted", labels=["outcome"])
        for outcome, count in self._alarms.judged.items():
            judged.add_metric([outcome], count)
        yield judged
        yield GaugeMetricFamily("farm_paused_keys", "Keys paused by an accepted canary", value=self._alarms.paused)


def render(readings: Readings) -> bytes:
    """Return the readings in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(readings))
    ProcessCollector(registry=registry)  # descriptors and memory of the API process that answers
    return generate_latest(registry)


def _counted(figures: Mapping[str, int]) -> Iterator[Metric]:
    """Yield a metric family for each series that processes count, even if the series has no counts yet."""
    for series in MetricSeries:
        labels = series.label.split() if series.label else []
        family: HistogramMetricFamily | CounterMetricFamily
        if series in HISTOGRAMS:
            family = HistogramMetricFamily(f"farm_{series}", series.help, labels=labels)
        else:
            family = CounterMetricFamily(f"farm_{series}", series.help, labels=labels)
        for value in _label_values(figures, series) if labels else [""]:
            _add(family, figures, f"{series}:{value}", value.split(" ", len(labels) - 1) if labels else [])
        yield family


def _label_values(figures: Mapping[str, int], series: MetricSeries) -> list[str]:
    seen = {name.split(":")[1] for name in figures if name.startswith(f"{series}:")}
    return sorted(seen | {*_KNOWN.get(series, ())})


def _add(
    family: HistogramMetricFamily | CounterMetricFamily, figures: Mapping[str, int], name: str, labels: list[str]
) -> None:
    if isinstance(family, CounterMetricFamily):
        family.add_metric(labels, figures.get(name, 0))
        return
    buckets, below = [], 0
    for bound in _BOUNDS:
        below += figures.get(f"{name}:{bound}", 0)
        buckets.append((bound, float(below)))
    family.add_metric(labels, buckets, figures.get(f"{name}:sum_us", 0) / 1e6)
