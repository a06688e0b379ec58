"""Hands replies to the requests that wait for them.

Each API process has its own list of replies in Redis, under a new key at each start. A loop reads this list.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast
from uuid import uuid4

import structlog
from fastapi import Request

from api.background_tasks import start_vital
from farm.errors import Unavailable
from farm.store.client import AsyncRedisClient
from farm.store.connection import translated

_BLOCK_S = 2
# If a read has not ended this long after it should have, the loop abandons it. The replies are still in the list.
_SILENCE_S = 1
_MOST = 100
_RETRY_S = 0.2
# The loop pauses this long after it has handed replies over. The requests that got them go on first, and the replies
# that come meanwhile are read together.
_REST_S = 0.001
_LOOK_EVERY_S = 3.0

_log = structlog.get_logger()


class Disconnected(Exception):
    """The client that waited has disconnected."""


class Replies:
    """Hands each reply to the request that waits for it; late and repeated replies are dropped.

    A reply leaves the list only after it has been handed over, so none is lost if a connection breaks.

    Args:
        client: a client for this purpose only; its one connection is replaced at once when it breaks.
    """

    def __init__(self, client: AsyncRedisClient) -> None:
        self.key = f"farm:reply:{uuid4().hex}"
        self._client = client
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._handed: list[bytes] = []

    @contextlib.contextmanager
    def expect(self, name: str) -> Iterator[asyncio.Future[bytes]]:
        """Yield a future for the reply with this name, which is `batch:ID` or `retrieval:ID`.

        Submit the work within this context. A reply that comes before the context is entered, or after it is left, is
        dropped.
        """
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[name] = future
        try:
            yield future
        finally:
            del self._waiting[name]

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Within this context, read replies in the background. If reading ends too early, so does the process."""
        task = start_vital("replies", self._run())
        try:
            yield
        finally:
            # The task is cancelled repeatedly, because redis-py swallows a cancellation that comes while it connects.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_RETRY_S)

    async def _run(self) -> None:
        while True:
            try:
                with translated():
                    await self._read()
            except Exception as error:  # noqa: BLE001 - requests wait for the next replies, whatever failed
                _log.warning("replies.wait", error=repr(error))
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        """Remove the replies already handed over, read the list and wait for a reply; hand over what was found.

        The commands share one round trip. A reply is removed by its text and not by its position: if the store's answer
        gets lost and the commands are sent again, other replies may be at the old positions. The command that waits
        (BLMOVE) leaves the list as it was, because it takes the first reply and puts it back at the front. A store
        without free memory refuses BLMOVE, but not the commands before it, so replies are handed over even then.
        """
        pipe = self._client.pipeline(transaction=False)
        for entry in self._handed:
            pipe.lrem(self.key, 1, entry)
        pipe.lrange(self.key, 0, _MOST - 1)
        pipe.blmove(self.key, self.key, _BLOCK_S, "LEFT", "LEFT")
        async with asyncio.timeout(_BLOCK_S + _SILENCE_S):
            *_, listed, first = await pipe.execute(raise_on_error=False)
        if isinstance(listed, Exception):
            raise listed
        found = cast("list[bytes]", listed)
        if isinstance(first, bytes) and not found:
            found = [first]
        for entry in found:
            self._deliver(entry)
        self._handed = found
        if isinstance(first, Exception):
            raise first
        if found:
            await asyncio.sleep(_REST_S)

    def _deliver(self, entry: bytes) -> None:
        kind, _, named = entry.partition(b":")
        id_, _, answer = named.partition(b":")
        future = self._waiting.get(b":".join((kind, id_)).decode(errors="replace"))
        if future is not None and not future.done():
            future.set_result(answer)


async def _never() -> bool:
    return False


async def wait_reply(
    request: Request,
    future: asyncio.Future[bytes],
    timeout_s: float,
    is_done: Callable[[], Awaitable[bool]] = _never,
) -> bytes:
    """Return a reply, unless the client disconnects first.

    Args:
        request: the request whose client waits.
        future: gets the reply.
        timeout_s: seconds to wait.
        is_done: called now and then; says whether the work that the client waits for is done. If it is, an empty reply
            is returned. This helps if the store has lost its last writes, and the reply with them.

    Raises:
        Disconnected: the client has disconnected.
        Unavailable: no reply came in time.
    """
    async with _gone(request) as gone:
        first: set[asyncio.Future[Any]] = {future, gone}
        deadline = time.monotonic() + timeout_s
        while not (future.done() or gone.done()) and (left_s := deadline - time.monotonic()) > 0:
            done, _ = await asyncio.wait(first, timeout=min(left_s, _LOOK_EVERY_S), return_when=asyncio.FIRST_COMPLETED)
            if not done and await _within(is_done, _LOOK_EVERY_S) and not future.done():
                return b""
    if future.done():
        return future.result()
    if gone.done() and not gone.cancelled():
        raise Disconnected
    raise Unavailable(f"No answer within {timeout_s:g} s: `farm status` shows which part is behind")


async def _within(is_done: Callable[[], Awaitable[bool]], patience_s: float) -> bool:
    """Return what `is_done` returns, or false if it does not return in time: the reply may still come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            return await is_done()
    return False


@contextlib.asynccontextmanager
async def _gone(request: Request) -> AsyncIterator[asyncio.Task[None]]:
    async def disconnect() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(disconnect())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
