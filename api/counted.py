"""What worker processes counted (workers/figures.py), as Prometheus' counters and histograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from farm.figures import BUCKETS_S, HISTOGRAMS, Bound, Series

_BOUNDS = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
_TEXTS = {
    Series.RUN: ("Seconds a proof ran", None),
    Series.OVERHEAD: ("Seconds a process spent on a proof beside its run and its header's load", None),
    Series.QUEUE: ("Seconds a proof waited", None),
    Series.HEADER_LOAD: ("Seconds the load of a header took", None),
    Series.RETRIEVAL: ("Seconds a stage of retrieval took", "stage"),
    Series.HEADER_HITS: ("Proofs that found their header loaded", None),
    Series.REPL_STARTS: ("Starts of a REPL, by why the one before had ended", "cause"),
    Series.SANDBOX_DENIALS: ("REPLs that a bound of the sandbox ended", "bound"),
    Series.EMBEDDING_BATCHES: ("Batches of queries that were embedded", None),
    Series.EMBEDDED_TEXTS: ("Texts that were embedded", None),
}
# Shown from the start: of a counter that begins at one, Prometheus does not see the first step.
_KNOWN: dict[Series, tuple[str, ...]] = {Series.SANDBOX_DENIALS: tuple(Bound)}


def counted(figures: Mapping[str, int]) -> Iterator[Metric]:
    """Yield one family for each series, seen or not."""
    for series, (text, label) in _TEXTS.items():
        labels = [label] if label else []
        family: HistogramMetricFamily | CounterMetricFamily
        if series in HISTOGRAMS:
            family = HistogramMetricFamily(f"farm_{series}", text, labels=labels)
        else:
            family = CounterMetricFamily(f"farm_{series}", text, labels=labels)
        for value in _label_values(figures, series) if label else [""]:
            _add(family, figures, f"{series}:{value}", [value] if label else [])
        yield family


def _label_values(figures: Mapping[str, int], series: Series) -> list[str]:
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
