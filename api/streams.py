"""Streams verdicts as proofs finish, in two formats with the same cursor: NDJSON and server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from farm.errors import NotFound, StoreUnavailable
from farm.sockets import LONGEST_BLOCK_S
from farm.store.batches import Batches

HEARTBEAT_S = 15
_SLICE = 500
# The pause after a group of verdicts. A busy batch finishes a proof every millisecond, and without groups each verdict
# would cost three round trips.
_PACE_S = 0.02


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream: a verdict as JSON, a heartbeat (no verdict), or the end (`done`)."""

    cursor: str
    verdict: bytes | None = None
    done: bool = False


async def follow(batches: Batches, batch: str, owner: str, cursor: str) -> AsyncIterator[list[Event]]:
    """Yield the verdicts after a cursor, then each new verdict as it comes, and then the end, as lists of events.

    A list holds the events that were read together.

    If the store stops answering or the batch expires, the stream ends without the line that marks its end. The reader
    can then resume at the last cursor.
    """
    spoke = time.monotonic()
    try:
        while True:
            # The status is read before the verdicts: if the batch is finished, its last verdict is then among them.
            finished = (await batches.status(batch, owner)).finished
            left_s = min(LONGEST_BLOCK_S, spoke + HEARTBEAT_S - time.monotonic())
            found = await batches.follow(batch, cursor, _SLICE, 1 if finished else max(1, int(left_s * 1000)))
            cursor = found[-1][0] if found else cursor
            if found:
                yield [Event(at, verdict) for at, verdict in found]
                spoke = time.monotonic()
                await asyncio.sleep(_PACE_S)
            elif finished:
                yield [Event(cursor, done=True)]
                return
            elif time.monotonic() >= spoke + HEARTBEAT_S:
                yield [Event(cursor)]
                spoke = time.monotonic()
    except (StoreUnavailable, NotFound):
        return


async def as_lines(groups: AsyncIterator[list[Event]]) -> AsyncIterator[bytes]:
    """Yield NDJSON: lines `{"cursor","result"}`, heartbeats, and `{"cursor","done":true}` at the end."""
    async for group in groups:
        yield b"".join(map(_line, group))


async def as_events(groups: AsyncIterator[list[Event]]) -> AsyncIterator[bytes]:
    """Yield server-sent events whose id is the cursor, so that `Last-Event-ID` resumes."""
    async for group in groups:
        yield b"".join(map(_server_sent, group))


def _line(event: Event) -> bytes:
    cursor = event.cursor.encode()
    if event.verdict is not None:
        return b'{"cursor":"%s","result":%s}\n' % (cursor, event.verdict)
    return b'{"cursor":"%s","%s":true}\n' % (cursor, b"done" if event.done else b"heartbeat")


def _server_sent(event: Event) -> bytes:
    cursor = event.cursor.encode()
    if event.verdict is not None:
        return b"id: %s\nevent: result\ndata: %s\n\n" % (cursor, event.verdict)
    return b"id: %s\nevent: done\ndata: {}\n\n" % cursor if event.done else b": heartbeat\n\n"
