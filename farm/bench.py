"""Load tests for any farm. They measure how many proofs or queries finish per second, and how long each takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from farm.client import Farm
from farm.models import Outcome, Proof


@dataclass(frozen=True)
class Measured:
    """The result of one load.

    Attributes:
        per_s: proofs or queries finished per second, from the submission to the last answer.
        p50_ms: median time in milliseconds: the run time of a proof in a batch, or the round trip of one call.
        p95_ms: the 95th percentile of the same times.
    """

    load: str
    count: int
    wall_s: float
    per_s: float
    p50_ms: float
    p95_ms: float
    undecided: int = 0

    def dump(self) -> dict[str, object]:
        """Return the result as a JSON-able dict."""
        return asdict(self)


def _measured(load: str, wall_s: float, times_s: list[float], undecided: int = 0) -> Measured:
    cuts = statistics.quantiles(times_s, n=20) if len(times_s) > 1 else times_s * 19
    return Measured(
        load,
        len(times_s),
        round(wall_s, 3),
        round(len(times_s) / wall_s, 1),
        round(cuts[9] * 1000, 2),
        round(cuts[18] * 1000, 2),
        undecided,
    )


def bench_batch(farm: Farm, code: str, count: int, advance: Callable[[], None]) -> Measured:
    """Submit one batch of `count` copies of a proof and read every verdict. A comment makes each copy distinct."""
    proofs = [Proof(code=f"{code}\n-- leanfarm bench {i}") for i in range(count)]
    started = time.monotonic()
    times_s, undecided = [], 0
    for verdict in farm.submit(proofs, cache=False).results():
        times_s.append(verdict.time_s)
        undecided += verdict.outcome is Outcome.UNDECIDED
        advance()
    return _measured(f"batch of {count}", time.monotonic() - started, times_s, undecided)


def bench_verify(farm: Farm, code: str, count: int, concurrency: int, advance: Callable[[], None]) -> Measured:
    """Verify proofs with `concurrency` clients, each of which waits for a verdict before it sends the next proof."""

    def one(index: int) -> float:
        started = time.monotonic()
        farm.verify(f"{code}\n-- leanfarm bench {index}", cache=False)
        advance()
        return time.monotonic() - started

    return _concurrent(f"verify, {concurrency} at a time", one, count, concurrency)


def bench_retrieve(farm: Farm, goal: str, count: int, concurrency: int, advance: Callable[[], None]) -> Measured:
    """Retrieve premises with `concurrency` clients, each of which waits for an answer before its next query."""

    def one(index: int) -> float:
        started = time.monotonic()
        farm.retrieve(f"h{index} : True\n{goal}", k=32)
        advance()
        return time.monotonic() - started

    return _concurrent(f"retrieve, {concurrency} at a time", one, count, concurrency)


def _concurrent(load: str, one: Callable[[int], float], count: int, concurrency: int) -> Measured:
    started = time.monotonic()
    with ThreadPoolExecutor(concurrency) as pool:
        times_s = list(pool.map(one, range(count)))
    return _measured(load, time.monotonic() - started, times_s)
