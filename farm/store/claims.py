"""Claims: a claim gives a process some items to run, and the facts that it needs to run them.

All items of a claim come from one lane. A lane is a queue of proofs that can share one REPL environment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TypeAlias

import orjson

from farm.models import Answer, Environment, Proof, Reason, Task, Verdict, as_task
from farm.store.codec import Json, unmark, unpack
from farm.store.priority_classes import PriorityClass
from farm.store.records import read_record

# The reply of claim.lua, described in the head of the script. A count is text, or the number 0 if no hash holds it.
Row: TypeAlias = tuple[bytes, bytes, bytes | int, bytes | int, bytes | int, bytes]
Granted: TypeAlias = tuple[
    bytes, bytes, bytes, bytes, bytes, int, bytes | int, bytes, bytes, bytes | int, bytes, *tuple[Row, ...]
]


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """One task in a claim, usually a proof, and how often the farm has tried to run it before.

    Attributes:
        task: the task; None if another release stored it, in a form that this one cannot read.
        deaths: how often a REPL or worker process died while the item ran.
        lapses: how often a lease on the item lapsed. A lapse during the run of another item does not count.
        slow: whether an earlier run outlasted its time slice; if so, this run has the item's full time.
        known: a verdict that the farm already has on the same question; if there is one, the proof need not run.
    """

    index: int
    id: str
    task: Task | None
    deaths: int = 0
    lapses: int = 0
    slow: bool = False
    known: Verdict | None = None

    @property
    def proof(self) -> Proof:
        """The task, which must be a proof."""
        assert isinstance(self.task, Proof)  # noqa: S101 - callers know that it is one
        return self.task

    @property
    def attempts(self) -> int:
        """The number of this run of the task, counted from 1."""
        return 1 + self.deaths + self.lapses


@dataclass(frozen=True, slots=True)
class Claim:
    """Items of one lane that a process has leased.

    Attributes:
        options: the batch's options as they were committed, with every default filled in.
        queued_s: the seconds between the submission and the claim.
        timed: how many runs of this batch have ended in a decision so far.
        longest_s: how many seconds the longest of these runs took.
        trace: the `traceparent` of the request that made the batch; empty if the batch is not traced.
        total: how many items the batch has.
        is_interactive: whether a client is waiting for the verdicts.
        items: the leased items. If every item that the store looked at has to wait for the run of another item,
            `items` is empty and there is no lease.
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
    total: int = 1
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
        """Return the `Answer` to one of the claim's items; `answers` are its content.

        `started` is the time on the monotonic clock at which the item's run began.
        """
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
        load_s: how many seconds the last header took to load, including the start of the REPL.
    """

    lane: str = ""
    owner: str = ""
    load_s: float = 0.0

    @property
    def lead_s(self) -> float:
        """The lead, in seconds of work, that the last owner may have over the owner served least.

        Within this lead, the process stays with the last owner, so that loading headers takes at most a third of the
        time.
        """
        return 2 * self.load_s


@dataclass(frozen=True, slots=True)
class UndecidedItem:
    """An item that gets its verdict without a run.

    Its task is not read, because another release may have stored the task in a form that this one cannot read.
    """

    index: int
    id: str
    deaths: int = 0
    lapses: int = 0


def name_item(index: int, stored: bytes, deaths: int = 0, lapses: int = 0) -> UndecidedItem:
    """Return the item that was stored at an index, without reading its task."""
    name = unpack(unmark(stored)).get("id")
    return UndecidedItem(index, name or str(index), deaths, lapses)


def unpack_item(index: int, stored: bytes, deaths: int = 0, lapses: int = 0) -> ClaimedItem:
    """Return the item that was stored at an index."""
    fields = unpack(unmark(stored))
    return ClaimedItem(index, fields.get("id") or str(index), _read_task(fields), deaths, lapses)


def _read_task(fields: Json) -> Task | None:
    try:
        return as_task(fields)
    except ValueError:
        return None


def read_claim(lease: str, granted: Granted) -> Claim:
    """Return the claim that a reply of claim.lua describes."""
    lane, batch, owner, options, created_ms, now_ms, timed, longest_s, trace, total, priority_class, *rows = granted
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
        total=int(total),
        is_interactive=priority_class == PriorityClass.INTERACTIVE.encode(),
    )


def _read_item(row: Row) -> ClaimedItem:
    index, stored, deaths, lapses, slow, known = row
    item = unpack_item(int(index), stored, int(deaths), int(lapses))
    # If this release cannot read the kept verdict, the proof runs.
    verdict = read_record(Verdict, unpack(known)) if known else None
    return replace(item, slow=bool(int(slow)), known=verdict)
