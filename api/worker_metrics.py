"""What worker processes counted (workers/metrics.py), as Prometheus' counters and histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from farm.metrics import BUCKETS_S, HISTOGRAMS, Bound, MetricSeries

_BOUNDS = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
# Shown from the start: if a counter begins at one, Prometheus does not see the first step.
_KNOWN: dict[MetricSeries, tuple[str, ...]] = {MetricSeries.SANDBOX_DENIALS: tuple(Bound)}


def counted(figures: Mapping[str, int]) -> Iterator[Metric]:
    """Yield one family for each series, seen or not."""
    for series in MetricSeries:
        labels = [series.label] if series.label else []
        family: HistogramMetricFamily | CounterMetricFamily
        if series in HISTOGRAMS:
            family = HistogramMetricFamily(f"farm_{series}", series.help, labels=labels)
        else:
            family = CounterMetricFamily(f"farm_{series}", series.help, labels=labels)
        for value in _label_values(figures, series) if labels else [""]:
            _add(family, figures, f"{series}:{value}", [value] if labels else [])
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
