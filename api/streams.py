"""Streams verdicts as proofs finish, in two formats with the same cursor: NDJSON and server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from farm.errors import NotFound, StoreUnavailable
from farm.sockets import LONGEST_BLOCK_S
from farm.store.batches import Batches

HEARTBEAT_S = 15
_SLICE = 500
# The pause after a group of verdicts. A busy batch finishes a proof every millisecond, and without groups each verdict
# would cost three round trips.
_PACE_S = 0.02
# How often a stream that may not wait at the store looks for new verdicts.
_LOOK_EVERY_S = 1.0


class WaitingStreams:
    """Counts, for each owner, the streams of this process that wait at Redis for verdicts.

    Each of these streams occupies a connection to Redis, and all requests share a limited number of connections. So
    only some of an owner's streams may wait. The owner's other streams look for verdicts once a second instead.

    Args:
        most: how many streams of one owner may wait at a time; 0 sets no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: Counter[str] = Counter()

    @contextlib.contextmanager
    def hold(self, owner: str) -> Iterator[bool]:
        """Yield whether a stream of an owner may wait; if it may, count it while this context is open."""
        if self._most and self._waiting[owner] >= self._most:
            yield False
            return
        self._waiting[owner] += 1
        try:
            yield True
        finally:
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner]


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a stream: a verdict as JSON, a heartbeat (no verdict), or the end (`done`)."""

    cursor: str
    verdict: bytes | None = None
    done: bool = False


async def follow(
    batches: Batches, waiting: WaitingStreams, batch: str, owner: str, cursor: str
) -> AsyncIterator[list[Event]]:
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
            with waiting.hold(owner) as may_wait:
                wait_ms = max(1, int(left_s * 1000)) if may_wait and not finished else 1
                found = await batches.follow(batch, cursor, _SLICE, wait_ms)
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
            elif not may_wait:
                await asyncio.sleep(_LOOK_EVERY_S)
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
