"""The retrieval table of docs/benchmarks.md: each case's time, by stage, and its distance from what memory allows."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from farm.models import RetrieveRequest
from tests.bench.retrieval_load import CASES, Answers, Body
from workers.premises.corpus import load
from workers.premises.numbering import Numbering
from workers.premises.selectors import Selectors

STAGES = ("queue", "embed", "select", "search", "rescore", "reply", "total")
_BYTES_PER_PREMISE = 768 * 2


@dataclass
class Row:
    """One case. The sequences are (farm, peer), with one entry per round.

    Attributes:
        accessible: premises that its queries can see; the mean where they differ.
        stages_s: median seconds of each stage in the farm, one query at a time.
    """

    case: str
    accessible: float
    stages_s: dict[str, float]
    alone: tuple[list[Answers], list[Answers]] = field(default_factory=lambda: ([], []))
    together: tuple[list[Answers], list[Answers]] = field(default_factory=lambda: ([], []))

    @property
    def p50_ms(self) -> list[float]:
        return [statistics.median(each.p50_ms for each in answers) for answers in self.alone]

    @property
    def rates(self) -> list[float]:
        return [statistics.median(each.per_second for each in answers) for answers in self.together]


def accessible(corpus: Path, scratch: Path, cases: dict[str, list[Body]]) -> dict[str, float]:
    """Return by case how many premises a query can see."""
    found = load(corpus, scratch)
    selectors = Selectors(found, Numbering.of(found))
    counts = {case: [selectors.select(RetrieveRequest(**each)).count for each in sent] for case, sent in cases.items()}
    return {case: statistics.mean(each) for case, each in counts.items()}


def stages_s(url: str, sent: Sequence[Body]) -> dict[str, float]:
    """Return median seconds by stage, of the same queries one after the other through `POST /v1/retrieve`."""
    found = []
    with httpx.Client(timeout=60, trust_env=False) as client:
        for body in sent:
            batch = {name: value for name, value in body.items() if name != "state"} | {"states": [body["state"]]}
            answer = client.post(f"{url}/v1/retrieve", json=batch)
            found.append(answer.raise_for_status().json()["timings_s"])
    return {stage: statistics.median(each[stage] for each in found) for stage in STAGES}


def bandwidth() -> float:
    """Return bytes per second that one thread reads from memory: the best of some inner products of 512 MB."""
    numbers = np.ones(128 << 20, np.float32)
    taken = []
    for _ in range(7):
        started = time.perf_counter()
        np.dot(numbers, numbers)
        taken.append(time.perf_counter() - started)
    return numbers.nbytes / min(taken)


def markdown(rows: Sequence[Row], rounds: int, bytes_per_s: float) -> str:
    """Return the tables, with what they depend on."""
    load_1m = os.getloadavg()[0]
    lines = [
        f"Medians of {rounds} rounds in turn; {os.cpu_count()} cores, Python {platform.python_version()}, load at the "
        f"end {load_1m:.1f}, memory read by one thread {bytes_per_s / 1e9:.1f} GB/s.",
        "",
        "| case | accessible | p50 ms, peer | farm | ratio | 32 clients, peer /s | farm /s | ratio | peer failed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        (mine_ms, yours_ms), (mine, yours) = row.p50_ms, row.rates
        peer = row.together[1]
        failed = f"{sum(each.failed for each in peer)} of {sum(len(each.seconds) for each in peer)}"
        lines.append(
            f"| {row.case}: {CASES[row.case]} | {row.accessible:.0f} | {yours_ms:.1f} | {mine_ms:.1f} | "
            f"{yours_ms / mine_ms:.1f} | {yours:.1f} | {mine:.1f} | {mine / yours:.1f} | {failed} |"
        )
    lines += [
        "",
        "One query at a time, ms by stage (`timings_s` of `/v1/retrieve`; `queue` is what no stage took). The floor is "
        "the time that one thread needs to read the accessible vectors in half precision.",
        "",
        f"| case | {' | '.join(STAGES)} | floor | search ÷ floor | p50 ÷ floor |",
        "|" + " --- |" * (len(STAGES) + 4),
    ]
    for row in rows:
        floor_ms = row.accessible * _BYTES_PER_PREMISE / bytes_per_s * 1000
        stages = " | ".join(f"{row.stages_s[stage] * 1000:.2f}" for stage in STAGES)
        search_ms = row.stages_s["search"] * 1000
        lines.append(
            f"| {row.case} | {stages} | {floor_ms:.2f} | {search_ms / floor_ms:.1f} | {row.p50_ms[0] / floor_ms:.1f} |"
        )
    return "\n".join(lines) + "\n"
