"""The connections of a client to its farm, separate for each process and for each event loop.

After a fork, parent and child share every open socket. If both read from one socket, each may get the other's answers.
So a child process leaves alone the connections that its parent opened. It does not even close them, because that would
end a TLS session that the parent still uses.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from errno import EMFILE, ENFILE
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import httpx

from farm.client.answer_matching import check_name, check_name_async, name_request, name_request_async
from farm.client.endpoint import FarmEndpoint
from farm.errors import ConfigurationError

Transport = TypeVar("Transport", httpx.BaseTransport, httpx.AsyncBaseTransport)
Purpose: TypeAlias = Literal["call", "stream"]
Place: TypeAlias = tuple[int, asyncio.AbstractEventLoop | None, Purpose]

# A stream has its connection for as long as its reader likes. So the streams have connections of their own, without a
# limit: if they could take all connections of the calls, a reader that makes a call would wait for itself.
_LIMITS: dict[Purpose, httpx.Limits] = {
    "call": httpx.Limits(max_connections=100, max_keepalive_connections=20),
    "stream": httpx.Limits(max_connections=None, max_keepalive_connections=20),
}
_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


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

    def _options(self, purpose: Purpose) -> dict[str, Any]:
        return {
            "base_url": self._endpoint.url,
            "headers": self._endpoint.headers,
            "trust_env": self._endpoint.trusts_environment,
            "transport": self._transport,
            "limits": _LIMITS[purpose],
        }


class Connections(_Connections[httpx.BaseTransport]):
    """The connections of `Farm`, which all threads of a process share."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.BaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[tuple[int, Purpose], httpx.Client] = {}

    def client(self, purpose: Purpose) -> httpx.Client:
        """Return this process's httpx client for calls or for streams, and open it at the first use.

        Raises:
            ConfigurationError: the variables for proxies or certificates cannot be used. Also the errors of `_check`.
        """
        self._check()
        place = (os.getpid(), purpose)
        # A lock is not used here: if another thread held it during a fork, it would stay locked in the child for ever.
        return self._clients.get(place) or self._clients.setdefault(place, self._open(purpose))

    def _open(self, purpose: Purpose) -> httpx.Client:
        hooks: dict[str, list[Any]] = {"request": [name_request], "response": [check_name]}
        with _usable_environment():
            return httpx.Client(**self._options(purpose), event_hooks=hooks)

    def close(self) -> None:
        """Close the connections of this process."""
        self._is_closed = True
        for (pid, _), mine in list(self._clients.items()):
            if pid == os.getpid():
                mine.close()


class AsyncConnections(_Connections[httpx.AsyncBaseTransport]):
    """The connections of `AsyncFarm`; each event loop has connections of its own."""

    def __init__(self, endpoint: FarmEndpoint, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__(endpoint, transport)
        self._clients: dict[Place, httpx.AsyncClient] = {}
        self._held: dict[Place, AsyncGenerator[None, None]] = {}

    async def client(self, purpose: Purpose) -> httpx.AsyncClient:
        """Return the httpx client of this process and event loop for calls or for streams.

        Raises:
            ConfigurationError: the variables for proxies or certificates cannot be used. Also the errors of `_check`.
        """
        self._check()
        place = (os.getpid(), _running_loop(), purpose)
        if place not in self._clients:
            self._forget_closed_loops()
            self._clients[place] = self._open(purpose)
            self._held[place] = self._hold(place)
            await anext(self._held[place])
        return self._clients[place]

    def _open(self, purpose: Purpose) -> httpx.AsyncClient:
        hooks: dict[str, list[Any]] = {"request": [name_request_async], "response": [check_name_async]}
        with _usable_environment():
            return httpx.AsyncClient(**self._options(purpose), event_hooks=hooks)

    def _forget_closed_loops(self) -> None:
        """Drop the clients of event loops that were closed but did not close their asynchronous generators."""
        for place in list(self._held):
            pid, loop, _ = place
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
        here = (os.getpid(), _running_loop())
        for place, held in list(self._held.items()):
            if place[:2] == here:
                await held.aclose()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # The loop is another library's (such as trio's), of which only one runs at a time.
        return None


@contextmanager
def _usable_environment() -> Iterator[None]:
    """Turn what httpx raises about its variables into a ConfigurationError.

    The error quotes no value and has no cause, because the address of a proxy may hold a password.
    """
    try:
        yield
    except (httpx.InvalidURL, ValueError, OSError, ImportError) as error:
        if isinstance(error, OSError) and error.errno in (EMFILE, ENFILE):
            raise  # the variables are not to blame
        given = [name for name in _VARIABLES if os.environ.get(name) or os.environ.get(name.lower())]
        which = " or ".join(given) or "the system's settings for proxies"
        text = f"The connection to the farm cannot be set up ({type(error).__name__}): {which} cannot be used as set"
        if isinstance(error, ImportError):
            text += ": `pip install 'httpx[socks]'`"
        raise ConfigurationError(text) from None
