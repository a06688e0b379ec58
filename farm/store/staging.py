"""A batch before its commit: the staged items, and the facts that the commit adds to them."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias
from uuid import uuid4

import orjson

from farm.models import Proof, Task
from farm.store.codec import Json
from farm.store.constants import FIRST_CANARY
from farm.store.priority_classes import PriorityClass


@dataclass(frozen=True, slots=True)
class NewBatch:
    """The facts about a batch that a commit needs besides the items.

    Attributes:
        listed: whether the owner's list of batches shows this batch; the items of a listed batch are proofs.
        trace: the `traceparent` that the batch's runs continue; empty if the batch is not traced.
    """

    environment: str
    options: Json
    retention_s: int
    interactive: bool = False
    reply: str = ""
    idempotency_key: str = ""
    body_hash: str = ""
    deadline_s: float | None = None
    listed: bool = True
    trace: str = ""

    @property
    def weight(self) -> float:
        """The batch's share of a lane; each step of `priority` doubles the share."""
        return float(2 ** (int(self.options.get("priority", 5)) - 5))


class StagedItem(NamedTuple):
    """One task to stage.

    Attributes:
        lane: the queue in which the task is to wait.
        task: the task.
        fingerprint: the fingerprint of the task; empty if its verdict may not be cached or shared.
        is_canary: whether the task is a false proof that the farm mixes in.
    """

    lane: str
    task: Task
    fingerprint: str = ""
    is_canary: bool = False


Entries: TypeAlias = Iterable[StagedItem] | AsyncIterable[StagedItem]


@dataclass(slots=True)
class Staging:
    """The items that an owner has staged; none of them runs before the commit.

    Attributes:
        owner: the name of the owner's key.
        batch: the id that the batch will have.
        total: how many items have been staged, without canaries.
        canaries: how many canaries have been staged.
        first: the `problem` of the first proof; if it has none, its `id`; empty if it has neither.
    """

    owner: str
    batch: str = field(default_factory=lambda: uuid4().hex)
    total: int = 0
    canaries: int = 0
    first: str = ""

    def number(self, entry: StagedItem) -> int:
        """Return the index of the next item; canaries have a range of indices that no proof of a user reaches."""
        if entry.is_canary:
            self.canaries += 1
            return FIRST_CANARY + self.canaries - 1
        if not self.total and isinstance(entry.task, Proof):
            self.first = entry.task.problem or entry.task.id or ""
        self.total += 1
        return self.total - 1


async def each(entries: Entries) -> AsyncIterator[StagedItem]:
    """Yield entries one by one."""
    if isinstance(entries, AsyncIterable):
        async for entry in entries:
            yield entry
    else:
        for entry in entries:
            yield entry


def pack_commit(staging: Staging, submission: NewBatch) -> bytes:
    """Return the argument of commit.lua, as JSON."""
    names = {"first": staging.first} if staging.first else {}
    return orjson.dumps(
        {
            "batch": staging.batch,
            "owner": staging.owner,
            "environment": submission.environment,
            "class": PriorityClass.INTERACTIVE if submission.interactive else PriorityClass.BATCH,
            "total": staging.total + staging.canaries,
            "weight": submission.weight,
            "options": orjson.dumps(submission.options | names).decode(),
            "retention_s": submission.retention_s,
            "reply": submission.reply,
            "key": submission.idempotency_key,
            "body_hash": submission.body_hash,
            "deadline_ms": "" if submission.deadline_s is None else int(submission.deadline_s * 1000),
            "canaries": staging.canaries,
            "listed": submission.listed,
            "trace": submission.trace,
        }
    )
