"""`/mcp`: the farm's tools for agents over streamable HTTP, for the keys that the other routes take."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

import httpx
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.service import get_service
from farm.client import AsyncFarm
from farm.errors import NotFound
from farm.keys import bearer
from farm.settings import Settings

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from farm.mcp.calls import Connect

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is bound to all is asked at one
# The caller's key, for what is done in the name of one request: the tasks that a request starts inherit it.
_KEY: ContextVar[str] = ContextVar("key", default="")
# An agent waits: better told soon that a part of the farm is away than kept hoping.
_RETRIES = 2


class McpEndpoint:
    """Answers one path, with the caller's key: each tool asks this farm as any client does, and as that key.

    It keeps no session, so that any process of a farm answers any request.

    Args:
        settings: of the farm that this process serves.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = _own_url(settings)
        self._connections = _LastingConnections()
        self._sessions = _make_sessions(self._connect)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve while this is open."""
        try:
            if self._sessions is None:
                yield
            else:
                async with self._sessions.run():
                    yield
        finally:
            await self._connections.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            Unauthorized: keys are used, and this is none.
            RateLimited: the key asks too often.
            NotFound: the library is not installed.
        """
        request = Request(scope)
        service = await get_service(request)
        if not service.keyring.is_open:
            authorization = request.headers.get("authorization")
            service.pace.admit(f"key {service.keyring.holder(authorization).name}")
            _KEY.set(bearer(authorization))
        if self._sessions is None:
            raise NotFound("MCP needs a library on the farm's host: `pip install 'leanfarm[mcp]'`, and restart the API")
        await self._sessions.handle_request(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncFarm]:
        # Over HTTP to ourselves: a call that is cancelled hangs up there, and that ends its work.
        async with AsyncFarm(self._url, api_key=_KEY.get(), retries=_RETRIES, transport=self._connections) as farm:
            yield farm


class _LastingConnections(httpx.AsyncHTTPTransport):
    """Connections that outlast the clients that use them: each call has a client of its own, for its key."""

    def __init__(self) -> None:
        super().__init__(trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=20))

    async def __aenter__(self) -> _LastingConnections:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stay open."""

    async def aclose(self) -> None:
        """Stay open."""

    async def close(self) -> None:
        """Close."""
        await super().aclose()


def _own_url(settings: Settings) -> str:
    host = _WILDCARDS.get(settings.farm_host, settings.farm_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _make_sessions(connect: Connect) -> StreamableHTTPSessionManager | None:
    """Return what speaks the protocol; None where the library is not installed."""
    try:
        from farm.mcp.http import session_manager
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        return None
    return session_manager(connect)
