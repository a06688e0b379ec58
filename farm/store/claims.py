"""Claims: the items of one lane that a process gets to run, and the facts that it needs to know about them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TypeAlias

import orjson

from farm.models import Answer, Environment, Proof, Reason, Task, Verdict, as_task
from farm.store.codec import Json, unmark, unpack
from farm.store.priority_classes import PriorityClass
from farm.store.records import read_record

# The reply of claim.lua, which that script's head describes. A count read from a hash is text; a missing one is 0.
Row: TypeAlias = tuple[bytes, bytes, bytes | int, bytes | int, bytes | int, bytes]
Granted: TypeAlias = tuple[bytes, bytes, bytes, bytes, bytes, int, bytes | int, bytes, bytes, bytes, *tuple[Row, ...]]


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """One proof or other task in a claim, and how often it has been tried before.

    Attributes:
        slow: whether the item outlasted its first slice, so that it now has its full time.
        known: the verdict on the same question, if the farm has one; then the proof need not run.
    """

    index: int
    id: str
    task: Task
    deaths: int = 0
    lapses: int = 0
    slow: bool = False
    known: Verdict | None = None

    @property
    def proof(self) -> Proof:
        """The task as a proof; only for an item whose task is a proof."""
        assert isinstance(self.task, Proof)  # noqa: S101 - callers know that it is one
        return self.task

    @property
    def attempts(self) -> int:
        """The number of this run of the task, from 1."""
        return 1 + self.deaths + self.lapses


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk of one lane under a lease.

    Attributes:
        options: the batch's options as they were committed, with every default filled in.
        queued_s: seconds between submission and claim.
        timed: runs of this batch that have ended in a decision so far.
        longest_s: seconds that the longest of those runs took.
        trace: the `traceparent` of the request that made the batch; empty if the batch is not traced.
        is_interactive: whether a client is waiting for the verdicts.
        items: the items of the chunk. If every item that was looked at is waiting for another item's run, there are no
            items and there is no lease.
    """

    lease: str
    lane: str
    batch: str
    owner: str
    options: Json
    queued_s: float
    timed: int
    longest_s: float
    trace: str
    items: tuple[ClaimedItem, ...]
    is_interactive: bool = False

    def answer(
        self,
        item: ClaimedItem,
        answers: list[Json],
        *,
        started: float,
        environment: Environment,
        reason: Reason | None = None,
        message: str = "",
    ) -> Answer:
        """Return the answer about one of the claim's items, whose run began at `started` on the monotonic clock."""
        return Answer(
            id=item.id,
            index=item.index,
            reason=reason,
            message=message,
            answers=answers,
            time_s=round(time.monotonic() - started, 6),
            queue_s=round(self.queued_s, 6),
            attempts=item.attempts,
            environment=environment,
        )


@dataclass(frozen=True, slots=True)
class Warmth:
    """The lane and owner that a process served last, and the cost of loading another header.

    Attributes:
        lane: the lane that the process served last.
        owner: the owner that the process served last.
        load_s: seconds the last header took to load, including the start of the REPL.
    """

    lane: str = ""
    owner: str = ""
    load_s: float = 0.0

    @property
    def lead_s(self) -> float:
        """Seconds of lead that the owner keeps before another is served; loading then takes at most 1/3 of the time."""
        return 2 * self.load_s


@dataclass(frozen=True, slots=True)
class UndecidedItem:
    """An item that gets its verdict without a run, whatever its task is: another release may have stored the task."""

    index: int
    id: str
    deaths: int = 0
    lapses: int = 0


def name_item(index: int, stored: bytes, deaths: int = 0, lapses: int = 0) -> UndecidedItem:
    """Return the item that was stored at an index, without its task."""
    name = unpack(unmark(stored)).get("id")
    return UndecidedItem(index, name or str(index), deaths, lapses)


def unpack_item(index: int, stored: bytes, deaths: int = 0, lapses: int = 0) -> ClaimedItem:
    """Return the item that was stored at an index."""
    task = as_task(unpack(unmark(stored)))
    name = task.id if isinstance(task, Proof) else None
    return ClaimedItem(index, name or str(index), task, deaths, lapses)


def read_claim(lease: str, granted: Granted) -> Claim:
    """Return the claim that a reply of claim.lua describes."""
    lane, batch, owner, options, created_ms, now_ms, timed, longest_s, trace, priority_class, *rows = granted
    return Claim(
        lease=lease,
        lane=lane.decode(),
        batch=batch.decode(),
        owner=owner.decode(),
        options=orjson.loads(options),
        queued_s=max(0.0, (now_ms - int(created_ms)) / 1000),
        timed=int(timed),
        longest_s=float(longest_s),
        trace=trace.decode(),
        items=tuple(map(_read_item, rows)),
        is_interactive=priority_class == PriorityClass.INTERACTIVE.encode(),
    )


def _read_item(row: Row) -> ClaimedItem:
    index, stored, deaths, lapses, slow, known = row
    item = unpack_item(int(index), stored, int(deaths), int(lapses))
    # Without a kept verdict that this release can read, the proof runs.
    verdict = read_record(Verdict, unpack(known)) if known else None
    return replace(item, slow=bool(int(slow)), known=verdict)
