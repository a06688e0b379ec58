"""Batches as users see them: the status of a batch, and the list of an owner's batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import orjson

from farm.models import BatchState, BatchStatus, Counts
from farm.store.client import AsyncRedisClient
from farm.store.connection import translated

_SLICE = 100
_REASON = "reason:"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of an owner's batches to list.

    Attributes:
        label: the label that a batch must have; None allows any label.
        tags: the tags that a batch must have, all of them.
        prefix: the text with which the id of a batch must begin.
    """

    label: str | None = None
    tags: frozenset[str] = frozenset()
    prefix: str = ""

    def has(self, status: BatchStatus) -> bool:
        """Whether a batch has the wanted label and tags."""
        return self.label in (None, status.label) and self.tags.issubset(status.tags)


async def latest(client: AsyncRedisClient, owner: str, limit: int, wanted: Wanted) -> list[BatchStatus]:
    """Return up to `limit` of an owner's batches, the newest first; drop expired batches from the list."""
    index = f"farm:batches:{owner}"
    found: list[BatchStatus] = []
    gone: list[str] = []
    start, is_more = 0, True
    with translated():
        while is_more and len(found) < limit:
            names = [name.decode() for name in await client.zrange(index, start, start + _SLICE - 1, desc=True)]
            there = await _statuses(client, owner, [name for name in names if name.startswith(wanted.prefix)])
            gone += [name for name, status in there.items() if status is None]
            found += [status for status in there.values() if status and wanted.has(status)]
            start, is_more = start + _SLICE, len(names) == _SLICE
        if gone:
            await client.zrem(index, *gone)
    return found[:limit]


async def _statuses(client: AsyncRedisClient, owner: str, names: list[str]) -> dict[str, BatchStatus | None]:
    """Return the status of each batch, by batch; the status is None if the batch has expired."""
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hgetall(f"farm:batch:{name}")
    pipe.hexists("farm:paused", owner)
    *rows, paused = await pipe.execute()
    records = [as_text(row) for row in cast("list[dict[bytes, bytes]]", rows)]
    return {
        name: as_status(name, record, paused=bool(paused)) if record else None
        for name, record in zip(names, records, strict=True)
    }


def as_text(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Return a batch's record: the fields of its hash, decoded to text."""
    return {name.decode(): value.decode() for name, value in fields.items()}


def as_status(batch: str, record: dict[str, str], *, paused: bool) -> BatchStatus:
    """Return the status of a batch as a user sees it; the false proofs that the farm mixed in do not count."""
    finished = record.get("finished_ms")
    # A batch's `label`, `tags`, `parent` and `first` are stored with its options, because another release would not
    # know fields of their own.
    options = orjson.loads(record["options"])
    names = {name: options.pop(name) for name in ("label", "tags", "parent", "first") if name in options}
    return BatchStatus(
        batch_id=batch,
        state=BatchState(record["state"]),
        total=int(record["total"]) - int(record.get("canaries", 0)),
        done=int(record["done"]) - int(record.get("canaries_done", 0)),
        counts=Counts(
            accepted=int(record["accepted"]), rejected=int(record["rejected"]), undecided=int(record["undecided"])
        ),
        created_at=int(record["created_ms"]) / 1000,
        finished_at=int(finished) / 1000 if finished else None,
        paused=paused and not finished,
        revoked=int(record.get("revoked", 0)),
        invalid_statements=int(record.get("invalid_statements", 0)),
        reasons={name.removeprefix(_REASON): int(by) for name, by in record.items() if name.startswith(_REASON)},
        **names,
        options=options,
    )
