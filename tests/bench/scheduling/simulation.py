"""A farm as a queue of events: processes, batches, and runs that take their seconds or never end."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

NEVER = math.inf


@dataclass(eq=False, slots=True)
class Batch:
    """A batch and what is known of its runs.

    Attributes:
        costs: seconds each proof would run; `NEVER` for those that do not end.
        arrives: when it is submitted, in seconds.
        going_on: for each process whose run outlasted its slice and goes on, when its full time is over.
    """

    costs: Sequence[float]
    arrives: float = 0.0
    fresh: deque[int] = field(init=False)
    deferred: deque[int] = field(default_factory=deque)
    ran: dict[int, float] = field(default_factory=dict)
    going_on: dict[int, float] = field(default_factory=dict)
    served_s: float = 0.0
    decided: int = 0
    decided_s: float = 0.0
    longest_s: float = 0.0
    outlasted: int = 0
    returned: int = 0
    timeouts: int = 0
    left: int = field(init=False)
    ended: float = 0.0
    last_finite: float = 0.0

    def __post_init__(self) -> None:
        self.fresh = deque(range(len(self.costs)))
        self.left = len(self.costs)

    @property
    def waits(self) -> bool:
        """Whether anything of it waits for a process."""
        return bool(self.fresh or self.deferred)


class Policy(Protocol):
    """Decides about runs that outlast their slice."""

    name: str
    keeps: bool

    def slice_s(self, farm: Farm, batch: Batch) -> float | None:
        """Return how long a run may take before it is asked; None: its full time."""

    def goes_on(self, farm: Farm, batch: Batch, ran_s: float) -> bool:
        """Return whether a run goes on after its slice."""

    def resumes(self, farm: Farm, batch: Batch) -> bool:
        """Return whether a deferred proof comes before a fresh one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Means over the batches, in seconds from each one's submit: its end, and its last proof that ends by itself."""

    whole_s: float
    last_finite_s: float


class Farm:
    """Processes that serve batches in equal shares of their time, as `claim.lua` does for one key.

    Args:
        batches: the work.
        processes: how many there are.
        timeout_s: the full time of a run.
        load_s: what a killed REPL costs.
        policy: decides about runs that outlast their slice.
    """

    def __init__(
        self, batches: Sequence[Batch], processes: int, timeout_s: float, load_s: float, policy: Policy
    ) -> None:
        self.batches, self.processes, self.timeout_s, self.load_s = batches, processes, timeout_s, load_s
        self.now = 0.0
        self._policy = policy
        self._idle = list(range(processes))
        self._number = itertools.count()
        self._events: list[tuple[float, int, int | None, Batch | None, int, float]] = []

    def others_wait(self, batch: Batch) -> bool:
        """Return whether another batch waits."""
        return any(other is not batch and other.arrives <= self.now and other.waits for other in self.batches)

    def run(self) -> Outcome:
        """Serve all batches to their end."""
        for each in self.batches:
            self._at(each.arrives, None)
        while self._events:
            self.now, _, process, batch, index, began = heapq.heappop(self._events)
            if batch is not None and process is not None:
                self._stop(process, batch, index, began)
            elif process is not None:
                self._idle.append(process)
            self._fill()
        count = len(self.batches)
        return Outcome(
            sum(each.ended - each.arrives for each in self.batches) / count,
            sum(each.last_finite - each.arrives for each in self.batches) / count,
        )

    def _at(
        self, when: float, process: int | None, batch: Batch | None = None, index: int = 0, began: float = 0.0
    ) -> None:
        heapq.heappush(self._events, (when, next(self._number), process, batch, index, began))

    def _fill(self) -> None:
        while self._idle:
            waiting = [batch for batch in self.batches if batch.arrives <= self.now and batch.waits]
            if not waiting:
                return
            batch = min(waiting, key=lambda each: (each.served_s, each.arrives))
            batch.served_s += 1e-3
            process = self._idle.pop()
            if batch.deferred and (not batch.fresh or self._policy.resumes(self, batch)):
                index = batch.deferred.popleft()
                began = self.now - batch.ran.pop(index, 0.0)
                batch.going_on[process] = began + self.timeout_s
                self._at(began + min(batch.costs[index], self.timeout_s), process, batch, index, began)
            else:
                self._begin(process, batch, batch.fresh.popleft())

    def _begin(self, process: int, batch: Batch, index: int) -> None:
        full_s = min(batch.costs[index], self.timeout_s)
        slice_s = self._policy.slice_s(self, batch)
        self._at(self.now + (full_s if slice_s is None else min(full_s, slice_s)), process, batch, index, self.now)

    def _stop(self, process: int, batch: Batch, index: int, began: float) -> None:
        full_s, ran_s = min(batch.costs[index], self.timeout_s), self.now - began
        if ran_s < full_s - 1e-9:
            self._ask(process, batch, index, began)
            return
        went_on = batch.going_on.pop(process, None) is not None
        batch.served_s += ran_s
        batch.left -= 1
        batch.ended = self.now
        if batch.costs[index] > self.timeout_s:
            batch.timeouts += 1
            self._at(self.now + self.load_s, process)
            return
        batch.last_finite = self.now
        batch.decided += 1
        batch.decided_s += ran_s
        batch.longest_s = max(batch.longest_s, ran_s)
        batch.returned += went_on
        self._idle.append(process)

    def _ask(self, process: int, batch: Batch, index: int, began: float) -> None:
        ran_s = self.now - began
        batch.outlasted += 1
        if not batch.fresh or self._policy.goes_on(self, batch, ran_s):
            batch.going_on[process] = began + self.timeout_s
            self._at(began + min(batch.costs[index], self.timeout_s), process, batch, index, began)
            return
        batch.served_s += ran_s
        batch.deferred.append(index)
        if self._policy.keeps:
            batch.ran[index] = ran_s
        self._at(self.now + (0.0 if self._policy.keeps else self.load_s), process)
