"""Answers that waiting requests wait for: one list in Redis per API process and boot, one loop that reads it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import structlog
from fastapi import Request

from farm.errors import StoreUnavailable, Unavailable
from farm.store.connection import AsyncRedisClient, translated

_BLOCK_S = 5
_MOST = 100
_RETRY_S = 0.2
_LOOK_EVERY_S = 3.0

_log = structlog.get_logger()


class Disconnected(Exception):
    """The client that waited is gone."""


class Replies:
    """Hands each reply to the request that waits for it; late and repeated ones are dropped."""

    def __init__(self, client: AsyncRedisClient) -> None:
        self.key = f"farm:reply:{uuid4().hex}"
        self._client = client
        self._waiting: dict[str, asyncio.Future[bytes]] = {}

    @contextlib.contextmanager
    def expect(self, name: str) -> Iterator[asyncio.Future[bytes]]:
        """Give a future for the reply of this name (`batch:ID`, `retrieval:ID`); taken before the work is sent."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[name] = future
        try:
            yield future
        finally:
            del self._waiting[name]

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read replies in the background."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            # Asked again and again: redis-py swallows a cancellation that meets it while it connects.
            while not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_RETRY_S)

    async def _run(self) -> None:
        while True:
            try:
                with translated():
                    found = await self._client.blmpop(_BLOCK_S, 1, self.key, direction="LEFT", count=_MOST)
            except StoreUnavailable as error:
                _log.warning("replies.wait", error=error.message)
                await asyncio.sleep(_RETRY_S)
                continue
            for entry in found[1] if found else []:
                self._deliver(entry)

    def _deliver(self, entry: bytes) -> None:
        kind, id_, *rest = entry.split(b":", 2)
        future = self._waiting.get(f"{kind.decode()}:{id_.decode()}")
        if future is not None and not future.done():
            future.set_result(rest[0] if rest else b"")


async def _never() -> bool:
    return False


async def wait_reply(
    request: Request,
    future: asyncio.Future[bytes],
    timeout_s: float,
    is_done: Callable[[], Awaitable[bool]] = _never,
) -> bytes:
    """Return a reply, unless the client goes away first.

    Args:
        request: whose client waits.
        future: the reply.
        timeout_s: for how long.
        is_done: asked now and then whether what is waited for has happened; the reply is then empty. A reply is lost
            when the connection that fetches it breaks on the way.

    Raises:
        Disconnected: the client went away.
        Unavailable: no reply came in time.
    """
    async with _gone(request) as gone:
        first: set[asyncio.Future[Any]] = {future, gone}
        deadline = time.monotonic() + timeout_s
        while not (future.done() or gone.done()) and (left_s := deadline - time.monotonic()) > 0:
            done, _ = await asyncio.wait(first, timeout=min(left_s, _LOOK_EVERY_S), return_when=asyncio.FIRST_COMPLETED)
            if not done and await is_done():
                return b""
    if future.done():
        return future.result()
    if gone.done() and not gone.cancelled():
        raise Disconnected
    raise Unavailable(f"No answer within {timeout_s:g} s: `farm status` shows which part is behind")


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
