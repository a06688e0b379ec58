"""Answers that waiting requests wait for: one list in Redis per API process and boot, one loop that reads it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import structlog
from fastapi import Request

from farm.errors import StoreUnavailable, Unavailable
from farm.store.connection import AsyncRedisClient, translated

_BLOCK_S = 5
_MOST = 100
_RETRY_S = 0.2

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


async def wait_reply(request: Request, future: asyncio.Future[bytes], timeout_s: float) -> bytes:
    """Return a reply, unless the client goes away first.

    Raises:
        Disconnected: it did.
        Unavailable: no reply came in time.
    """
    async with _gone(request) as gone:
        first: set[asyncio.Future[Any]] = {future, gone}
        await asyncio.wait(first, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
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
