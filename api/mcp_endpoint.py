"""`/mcp`: the farm's tools for agents over streamable HTTP, with the same keys as the other routes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING

import httpx
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from api.bodies import read_body
from api.service import admit, serving
from farm.client import AsyncFarm
from farm.errors import NotFound
from farm.keys import Keyring, bearer
from farm.settings import Settings

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from farm.mcp.calls import Connect

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a farm that listens everywhere is asked at loopback
# The caller's key during one request; tasks that the request starts inherit it.
_KEY: ContextVar[str] = ContextVar("key", default="")
# A call is retried only this many times: an agent that waits should soon learn that a part of the farm does not answer.
_RETRIES = 2
# A call holds at most one text, which may become twice as long when it is written as JSON.
_LIMIT_BYTES = 4 << 20


class McpEndpoint:
    """Answers `/mcp`. Each tool asks this farm as any client does, with the caller's key.

    The endpoint keeps no sessions, so any process of a farm can answer any request. It imports the MCP library at the
    first request, because that takes seconds on a busy machine.

    Args:
        settings: the settings of the farm that this process serves.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = _own_url(settings)
        self._connections = _LastingConnections()
        self._is_over = asyncio.Event()
        self._opened: asyncio.Future[StreamableHTTPSessionManager | None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer requests while this context is open."""
        try:
            yield
        finally:
            self._is_over.set()
            if self._keeping:
                await self._keeping
            await self._connections.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Unauthorized: the farm has keys, and the request shows none of them.
            RateLimited: the key asks too often, or this process holds too many bytes of bodies.
            TooLarge: the body is too long.
            InvalidRequest: the body arrives too slowly.
            NotFound: the MCP library is not installed.
        """
        request = Request(scope, receive)
        owner = await admit(request, _holder)
        sessions = await self._open()
        if sessions is None:
            raise NotFound("MCP needs a library on the farm's host: `pip install 'leanfarm[mcp]'`, and restart the API")
        async with serving(request, owner):
            # The body is read here, with the same limits as on other routes: the library would wait for ever for a slow
            # body.
            body = await read_body(request, _LIMIT_BYTES)
            await sessions.handle_request(scope, _replayed(body, receive), send)

    async def _open(self) -> StreamableHTTPSessionManager | None:
        """Return the manager that speaks the protocol; None if the library is not installed."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            # The task has a context of its own: nothing of the first request, above all its key, may stay in it.
            keep = self._keep(self._opened)
            self._keeping = asyncio.get_running_loop().create_task(keep, context=Context())
        return await asyncio.shield(self._opened)

    async def _keep(self, opened: asyncio.Future[StreamableHTTPSessionManager | None]) -> None:
        """Open the MCP library's task group, and close it when `serving` ends. The same asyncio task has to do both."""
        try:
            sessions = await asyncio.to_thread(_make_sessions, self._connect)
        except Exception as error:  # noqa: BLE001 - the waiting request gets it
            opened.set_exception(error)
            return
        if sessions is None:
            opened.set_result(None)
            return
        async with sessions.run():
            opened.set_result(sessions)
            await self._is_over.wait()

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncFarm]:
        # Calls go over HTTP to this process itself. If a call is cancelled, its connection closes, and its work ends.
        async with AsyncFarm(self._url, api_key=_KEY.get(), retries=_RETRIES, transport=self._connections) as farm:
            yield farm


def _holder(keyring: Keyring, authorization: str | None) -> str:
    """Return the name of the request's key, and keep the key for the calls that the request makes.

    The key may have any scopes.
    """
    name = keyring.holder(authorization).name
    _KEY.set(bearer(authorization))
    return name


class _LastingConnections(httpx.AsyncHTTPTransport):
    """Connections that outlast the clients that use them. Each call has its own client, because it has its own key."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=20))

    async def __aenter__(self) -> _LastingConnections:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Do nothing: the connections stay open."""

    async def aclose(self) -> None:
        """Do nothing: the connections stay open."""

    async def close(self) -> None:
        """Close the connections."""
        await super().aclose()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns the body, which was read before, and then the messages that follow it."""
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay() -> Message:
        return next(given, None) or await receive()

    return replay


def _own_url(settings: Settings) -> str:
    host = _WILDCARDS.get(settings.farm_host, settings.farm_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _make_sessions(connect: Connect) -> StreamableHTTPSessionManager | None:
    """Return the manager that speaks the protocol; None if the library is not installed."""
    try:
        from farm.mcp.http import session_manager
    except ImportError as error:
        # Version 1 of the library mcp lacks a module that `farm.mcp` imports, so version 1 counts as not installed.
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        return None
    return session_manager(connect)
