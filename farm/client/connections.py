"""The connections of a client to its farm, separate for each process and for each event loop.

After a fork, parent and child share every open socket. If both read from one socket, each may get the other's answers.
So a child process leaves alone the connections that its parent opened. It does not even close them, because that would
end a TLS session that the parent still uses.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

from farm.client.answer_matching import check_name, check_name_async, name_request, name_request_async
from farm.client.endpoint import FarmEndpoint
from farm.errors import ConfigurationError

Transport = TypeVar("Transport", httpx.BaseTransport, httpx.AsyncBaseTransport)
Place: TypeAlias = tuple[int, asyncio.AbstractEventLoop | None]


class _Connections(Generic[Transport]):
    """The base of `Connections` and `AsyncConnections`. Copies and pickles have the farm's address, but no sockets.

    Args:
        endpoint: where the farm is.
        transport: the transport for the requests; None for httpx's own.
    """

    def __init__(self, endpoint: FarmEndpoint, transport: Transport | None) -> None:
        self._endpoint = endpoint
        self._transport: Transport | None = transport
        self._made_in = os.getpid()
        self._is_closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._endpoint, self._transport)

    def _check(self) -> None:
        """Check that this process may make a call.

        Raises:
            ConfigurationError: the transport was made before a fork, so the parent may read this process's answers.
            RuntimeError: the client has been closed.
        """
        if self._is_closed:
            raise RuntimeError("This client of the farm was closed: make a new one")
        if self._transport is not None and self._made_in != os.getpid():
            raise ConfigurationError("A client with a `transport` works in the process that made it: make one here")

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self._endpoint.url,
            "headers": self._endpoint.headers,
            "trust_env": self._endpoint.trusts_environment,
            "transport": self._transport,
        }


class Connections(_Connections[httpx.BaseTransport]):
    """The connections of `Farm`, which all threads of a process share."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.BaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[int, httpx.Client] = {}

    def client(self) -> httpx.Client:
        """Return this process's httpx client, and open it at the first call. The errors are those of `_check`."""
        self._check()
        # A lock is not used here: if another thread held it during a fork, it would stay locked in the child for ever.
        return self._clients.get(os.getpid()) or self._clients.setdefault(os.getpid(), self._open())

    def _open(self) -> httpx.Client:
        hooks: dict[str, list[Any]] = {"request": [name_request], "response": [check_name]}
        return httpx.Client(**self._options(), event_hooks=hooks)

    def close(self) -> None:
        """Close the connections of this process."""
        self._is_closed = True
        if mine := self._clients.get(os.getpid()):
            mine.close()


class AsyncConnections(_Connections[httpx.AsyncBaseTransport]):
    """The connections of `AsyncFarm`; each event loop has connections of its own."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[Place, httpx.AsyncClient] = {}
        self._held: dict[Place, AsyncGenerator[None, None]] = {}

    async def client(self) -> httpx.AsyncClient:
        """Return the httpx client of this process and event loop. The errors are those of `_check`."""
        self._check()
        place = _place()
        if place not in self._clients:
            self._forget_closed_loops()
            self._clients[place] = self._open()
            self._held[place] = self._hold(place)
            await anext(self._held[place])
        return self._clients[place]

    def _open(self) -> httpx.AsyncClient:
        hooks: dict[str, list[Any]] = {"request": [name_request_async], "response": [check_name_async]}
        return httpx.AsyncClient(**self._options(), event_hooks=hooks)

    def _forget_closed_loops(self) -> None:
        """Drop the clients of event loops that were closed but did not close their asynchronous generators."""
        for place in list(self._held):
            pid, loop = place
            if pid == os.getpid() and loop is not None and loop.is_closed():
                del self._held[place], self._clients[place]

    async def _hold(self, place: Place) -> AsyncGenerator[None, None]:
        """Yield once; close the client when this generator is closed.

        `asyncio.run` closes the generator when the loop ends.
        """
        try:
            yield
        finally:
            del self._held[place]
            await self._clients.pop(place).aclose()

    async def aclose(self) -> None:
        """Close the connections of this process and loop."""
        self._is_closed = True
        if held := self._held.get(_place()):
            await held.aclose()


def _place() -> Place:
    try:
        return os.getpid(), asyncio.get_running_loop()
    except RuntimeError:  # The loop is another library's (such as trio's), of which only one runs at a time.
        return os.getpid(), None
