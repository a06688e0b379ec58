"""The API's operations on batches: stage, commit, read statuses and results, cancel."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, cast

import orjson

from farm.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable, Unavailable
from farm.models import BatchStatus, MatchesPage, NamesPage, Proof
from farm.store.client import AsyncRedisClient, Value
from farm.store.codec import Json, mark, pack, unmark, unpack
from farm.store.connection import translated
from farm.store.failover import confirm
from farm.store.items import item_names, items_json
from farm.store.listing import Wanted, as_status, as_text, latest
from farm.store.quotas import Quotas, unlimited
from farm.store.results import read_page, read_results
from farm.store.scripts import AsyncScripts
from farm.store.staging import Entries, NewBatch, Staging, each, pack_commit

START = "0-0"
_CURSOR = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_LAST = f"{2**64 - 1}-{2**64 - 1}"
# A text of any other form could lead to another key of a batch, such as the key of its items.
_BATCH = re.compile(r"[0-9a-f]{32}")
_STAGING_TTL_S = 3600
# One call of the store takes at most this many items, or items of about this size. An item is three values: its index,
# its lane and its task.
_STAGE_SLICE = 250
_STAGE_SLICE_BYTES = 4 << 20
_ROW_VALUES = 3
_TURN_S = 0.03
# How long staging pauses for other requests. Each of them needs several steps of the event loop, with answers from
# Redis in between.
_PAUSE_S = 0.005
# How many verdicts a search reads at first, and how many bytes a read should bring. If a read brings fewer bytes, the
# next one asks for twice as many verdicts, otherwise for half as many.
_SEARCH_SLICE = 25
_SEARCH_BYTES = 1 << 20
T = TypeVar("T")
Read: TypeAlias = Callable[[AsyncRedisClient, str, range], Awaitable[list[T]]]
_Fields: TypeAlias = dict[bytes, bytes]
_NONE: _Fields = {}


@dataclass(slots=True)
class Committed:
    """The outcome of a commit.

    Attributes:
        batch: the batch that the submission became.
        tokens: how many tokens the caller has to publish; a token tells a worker that there is work.
        known: whether the batch was made earlier, by a submission with the same idempotency key.
    """

    batch: str
    tokens: int
    known: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Verdicts as JSON in completion order.

    Attributes:
        results: the verdicts.
        next: the cursor of the next page.
        done: whether the batch is finished and has no more verdicts after these.
    """

    results: list[bytes]
    next: str
    done: bool


class Batches:
    """Stages, commits, reads and cancels the store's batches, over the API's client."""

    def __init__(self, client: AsyncRedisClient, quotas: Quotas | None = None) -> None:
        self._client = client
        self._scripts = AsyncScripts(client)
        self._quotas = quotas or unlimited()

    async def stage(self, staging: Staging, entries: Entries) -> None:
        """Add items to a staging area, which holds the items of a batch until its commit.

        The area expires if nobody commits it.

        Making an entry may mean reading a large text, so this method pauses often enough to let other requests run.

        Raises:
            RateLimited: the owner's quota is used up, or the store is full. Items that were staged earlier stay staged.
            StoreUnavailable: Redis does not answer.
        """
        rows: list[Value] = []
        size_bytes, turn_ended = 0, time.monotonic() + _TURN_S
        async for entry in each(entries):
            packed = pack(entry.task.model_dump(mode="json", exclude_none=True))
            rows += [staging.number(entry), entry.lane, mark(packed, entry.fingerprint)]
            size_bytes += len(packed)
            if time.monotonic() > turn_ended:
                await asyncio.sleep(_PAUSE_S)
                turn_ended = time.monotonic() + _TURN_S
            if len(rows) == _STAGE_SLICE * _ROW_VALUES or size_bytes > _STAGE_SLICE_BYTES:
                await self._stage_rows(staging, rows)
                rows, size_bytes = [], 0
        if rows:
            await self._stage_rows(staging, rows)

    async def _stage_rows(self, staging: Staging, rows: list[Value]) -> None:
        await self._quotas.require_memory(self._client)
        head: list[Value] = [staging.batch, staging.owner, _STAGING_TTL_S * 1000, *self._quotas.limits]
        with translated():
            reached = await self._scripts.run("stage", *head, *rows)
        if reached:
            raise self._quotas.refusal(cast("bytes", reached).decode())

    async def discard(self, staging: Staging) -> None:
        """Delete a staging area that has not been committed."""
        with translated():
            await self._scripts.run("expire", staging.batch, "now")

    async def commit(self, staging: Staging, submission: NewBatch) -> Committed:
        """Turn the staged items into a batch, in one step.

        Raises:
            Conflict: the idempotency key was used before with another body.
            Unavailable: the submitter's API key is paused, and the submitter is waiting for the answer. If nobody
                waits, the batch is accepted.
            StoreUnavailable: Redis does not answer, or no replica has the batch yet. In both cases the batch may exist.
                The error is also raised if the store has lost a part of the staged items. Then there is no batch.
        """
        with translated():
            reply = await self._scripts.run("commit", pack_commit(staging, submission))
        batch, tokens, fate = cast("tuple[bytes, int, bytes]", reply)
        if fate != b"new":
            await self.discard(staging)
        if fate == b"paused":
            raise Unavailable(
                "This key is paused: a false proof that the farm had mixed in was accepted. An operator has to look "
                "(`farm resume`)"
            )
        if fate == b"lost":
            raise StoreUnavailable("The store has lost a part of this submission: send it again")
        if fate == b"conflict":
            raise Conflict("This Idempotency-Key was used before with another body: send a new key")
        with translated():
            await confirm(self._client)
        return Committed(batch.decode(), tokens, fate == b"known")

    async def status(self, batch: str, owner: str) -> BatchStatus:
        """Return the status of a batch.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
        """
        fields, paused = _NONE, 0
        if _BATCH.fullmatch(batch):
            pipe = self._client.pipeline(transaction=False)
            pipe.hgetall(f"farm:batch:{batch}")
            pipe.hexists("farm:paused", owner)
            with translated():
                fields, paused = cast("tuple[_Fields, int]", await pipe.execute())
        record = as_text(fields)
        if record.get("owner") != owner:
            raise NotFound(f"There is no batch {batch!r}")
        return as_status(batch, record, paused=bool(paused))

    async def latest(self, owner: str, limit: int, wanted: Wanted | None = None) -> list[BatchStatus]:
        """Return up to `limit` of the owner's batches, the newest first; drop expired batches from the list."""
        return await latest(self._client, owner, limit, wanted or Wanted())

    async def results(self, batch: str, owner: str, after: str | None, limit: int) -> Page:
        """Return verdicts that finished after a cursor, in completion order.

        Raises:
            InvalidRequest: this farm did not issue the cursor.
            NotFound: there is no such batch, or it belongs to another key.
        """
        cursor = check_cursor(after)
        return await self._page(await self.status(batch, owner), cursor, limit)

    async def _page(self, status: BatchStatus, cursor: str, limit: int) -> Page:
        stream = f"farm:batch:{status.batch_id}:finished"
        with translated():
            entries = await self._client.xrange(stream, f"({cursor}", "+", count=limit)
        found = await read_page(self._client, status.batch_id, [fields[b"i"].decode() for _, fields in entries])
        following = entries[len(found) - 1][0].decode() if found else cursor
        return Page(found, following, status.finished and len(found) == len(entries) < limit)

    async def follow(self, batch: str, after: str, limit: int, block_ms: int) -> list[tuple[str, bytes]]:
        """Return the verdicts that finished after a cursor, as (cursor, JSON) pairs.

        If there are none yet, wait up to `block_ms` for the first. The list is empty if none finishes in this time.
        """
        stream = f"farm:batch:{batch}:finished"
        with translated():
            reply = await self._client.xread({stream: after}, count=limit, block=block_ms)
        entries = reply[0][1] if reply else []
        found = await read_page(self._client, batch, [fields[b"i"].decode() for _, fields in entries])
        return [(entry.decode(), result) for (entry, _), result in zip(entries, found, strict=False)]

    async def results_json(self, batch: str, total: int) -> list[bytes]:
        """Return the verdicts of a small finished batch as JSON, in request order.

        Raises:
            StoreUnavailable: Redis does not answer, or has lost some of the verdicts.
        """
        return await read_results(self._client, batch, [str(i) for i in range(total)])

    async def item(self, batch: str, owner: str, index: int) -> bytes:
        """Return the JSON of an `Item`: one proof as it was submitted, and its verdict if there is one.

        Another release may have written the proof or the verdict, so both are returned as they were stored.

        Raises:
            NotFound: there is no such batch or index, or the batch belongs to another key.
        """
        status = await self.status(batch, owner)
        if not 0 <= index < status.total:
            raise NotFound(f"Batch {batch!r} has no item {index}")
        with translated():
            blob = await self._client.hget(f"farm:batch:{batch}:items", str(index))
            found = await self._client.hget(f"farm:batch:{batch}:results", str(index))
        if blob is None:
            raise NotFound(f"Batch {batch!r} has no item {index}")
        proof = {**dict.fromkeys(Proof.model_fields), **unpack(unmark(blob))}
        return orjson.dumps({"index": index, "proof": proof, "verdict": unpack(found) if found else None})

    async def items(self, batch: str, owner: str, after: int, limit: int) -> tuple[list[bytes], int | None]:
        """Return the proofs after an index, with their verdicts, and the index after which the next page begins.

        Each proof is the JSON of an `Item`. The index is None if no more proofs follow.

        Raises:
            NotFound: there is no such batch, it belongs to another key, or it has just expired.
        """
        return await self._after(batch, owner, after, limit, items_json)

    async def names(self, batch: str, owner: str, after: int, limit: int) -> NamesPage:
        """Return the names of the proofs after an index. Raises the same errors as `items`."""
        found, following = await self._after(batch, owner, after, limit, item_names)
        return NamesPage(names=found, next=following)

    async def _after(self, batch: str, owner: str, after: int, limit: int, read: Read[T]) -> tuple[list[T], int | None]:
        """Return what `read` finds at the first `limit` indices after `after`, and the last index that was read.

        The last index is None if no more proofs follow.
        """
        total = (await self.status(batch, owner)).total
        found = await read(self._client, batch, range(after + 1, min(after + 1 + limit, total)))
        if not found and after + 1 < total:
            raise NotFound(f"Batch {batch!r} has expired")
        last = after + len(found)
        return found, last if found and last + 1 < total else None

    async def matches(self, batch: str, owner: str, text: str, after: str | None, limit: int) -> MatchesPage:
        """Search the verdicts that finished after a cursor; return the indices of those that contain a text.

        The text is searched for in the messages and the goals of a verdict. Case is ignored.

        Raises:
            InvalidRequest: this farm did not issue the cursor.
            NotFound: there is no such batch, or it belongs to another key.
        """
        wanted, cursor, found, seen = text.casefold(), check_cursor(after), [], 0
        status, many = await self.status(batch, owner), _SEARCH_SLICE
        while seen < limit:
            page = await self._page(status, cursor, min(many, limit - seen))
            found += [each["index"] for each in map(orjson.loads, page.results) if _says(each, wanted)]
            seen, cursor = seen + len(page.results), page.next
            if page.done or not page.results:
                return MatchesPage(indices=found, next=cursor, done=page.done)
            # While this process searches what it has read, it answers no other request.
            many = many * 2 if sum(map(len, page.results)) < _SEARCH_BYTES else max(1, many // 2)
        return MatchesPage(indices=found, next=cursor, done=False)

    async def cancel(self, batch: str, owner: str) -> BatchStatus:
        """Cancel a batch and return its status.

        No more proofs of the batch start. The reaper process writes the verdicts of the remaining proofs.

        Raises:
            NotFound: there is no such batch, or it belongs to another key.
        """
        await self.status(batch, owner)
        with translated():
            await self._scripts.run("cancel", batch)
        return await self.status(batch, owner)


def _says(verdict: Json, wanted: str) -> bool:
    texts = [message["data"] for message in verdict["messages"]] + [hole["goal"] for hole in verdict["sorries"]]
    return any(wanted in text.casefold() for text in texts)


def check_cursor(after: str | None) -> str:
    """Return a client's cursor if it has the right form; return the cursor of the start if the client gave none.

    Raises:
        InvalidRequest: this farm did not issue the cursor.
    """
    if after is None or after == "":
        return START
    parts = _CURSOR.fullmatch(after)
    # Redis has no entry after the last possible one, and answers with an error.
    if parts is None or after == _LAST or any(int(part) >> 64 for part in parts.groups()):
        raise InvalidRequest("`after` is not a cursor of this farm: use the `next` of an earlier page")
    return after
