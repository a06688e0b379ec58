"""The connections of one farm's client: each process, and each event loop, has its own.

If two processes read from one socket, one may get the other's answers, and a fork gives every open socket two readers.
So a process does not touch connections opened before it was forked, not even to close them: that would end a TLS
session that the parent still uses.
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
    """What both kinds of connections share. Copies and pickles keep the farm's address, but no open connections.

    Args:
        endpoint: where the farm is.
        transport: the transport for the requests, if it is not httpx's own.
    """

    def __init__(self, endpoint: FarmEndpoint, transport: Transport | None) -> None:
        self._endpoint = endpoint
        self._transport: Transport | None = transport
        self._made_in = os.getpid()
        self._is_closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._endpoint, self._transport)

    def _check(self) -> None:
        """Check that a call may be made in this process.

        Raises:
            ConfigurationError: the transport was made before a fork, so the parent may read answers for this process.
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
    """The connections of `Farm`; threads share them."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.BaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[int, httpx.Client] = {}

    def client(self) -> httpx.Client:
        """Return this process's client; raises as `_check` does."""
        self._check()
        # There is no lock: if another thread held it during a fork, it would stay locked in the child for ever.
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
    """The connections of `AsyncFarm`, with separate ones for each event loop in which it is used."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[Place, httpx.AsyncClient] = {}
        self._held: dict[Place, AsyncGenerator[None, None]] = {}

    async def client(self) -> httpx.AsyncClient:
        """Return the client of this process and loop; raises as `_check` does."""
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
        """Drop the clients of event loops that were closed without their generators being closed."""
        for place in list(self._held):
            pid, loop = place
            if pid == os.getpid() and loop is not None and loop.is_closed():
                del self._held[place], self._clients[place]

    async def _hold(self, place: Place) -> AsyncGenerator[None, None]:
        """Close a client when its loop ends: `asyncio.run` closes the generators that were started in the loop."""
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
    except RuntimeError:  # another library's event loop, of which one runs at a time
        return os.getpid(), None
