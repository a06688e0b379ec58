"""Streams verdicts as proofs finish, in two formats with the same cursor: NDJSON and server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from farm.errors import NotFound, RateLimited, StoreUnavailable
from farm.sockets import LONGEST_BLOCK_S
from farm.store.batches import Batches

HEARTBEAT_S = 15
_SLICE = 500
# The pause after a group of verdicts. A busy batch finishes a proof every millisecond, and without groups each verdict
# would cost three round trips.
_PACE_S = 0.02
_RETRY_AFTER_S = 5.0


class OpenStreams:
    """Counts the streams that this process has open, for each owner.

    While a stream waits for verdicts, it occupies a connection to Redis, of which all requests share a limited number.

    Args:
        most: how many streams one owner may have open; 0 sets no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def hold(self, owner: str) -> Iterator[None]:
        """Within this context, count one more stream of an owner.

        Raises:
            RateLimited: the owner has as many streams open as it may.
        """
        if self._most and self._open[owner] >= self._most:
            text = f"This key follows {self._most} batches already: follow fewer at a time, or read pages of results"
            raise RateLimited(text, retry_after_s=_RETRY_AFTER_S, details={"limit": "streams"})
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]


class VerdictStream(StreamingResponse):
    """A response that is a stream of verdicts; it counts as one of its owner's streams until it ends.

    If the owner has too many streams open, the answer is the error `RateLimited`.
    """

    def __init__(self, parts: AsyncIterator[bytes], media_type: str, streams: OpenStreams, owner: str) -> None:
        super().__init__(parts, media_type=media_type)
        self._streams = streams
        self._owner = owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        with self._streams.hold(self._owner):
            await super().__call__(scope, receive, send)


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
