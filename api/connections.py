"""The connections of an API process: a limited number are served, and the others are refused with an answer.

A place is room for one connection that is served.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import structlog
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farm.errors import ConfigurationError, Unavailable
from farm.store.connection import most_connections

# Descriptors kept for the event loop, logs, files, the broker and whatever else a process opens.
_RESERVE = 64
_FEWEST = 8
_MOST_REFUSED = 256
# If this share of the places is taken, each response closes its connection, so that idle connections keep nobody out.
_CROWDED = 0.75
_BACKLOG = 2048
_PAUSE_S = 0.01
# How long a client that is refused may take to send its request, and then to read the answer.
_REQUEST_WITHIN_S = 1.0
_LINGER_S = 2.0
_RETRY_AFTER_S = 1
_TOLD_EVERY_S = 10.0
_STARTUP_FAILURE = 3  # uvicorn's own exit status

_log = structlog.get_logger()


class Places:
    """Counts the connections that this process serves, and bounds how many it may serve and how many it may refuse.

    A client whose connection is refused is told to try again later.

    Args:
        limit: how many file descriptors the process may have.

    Attributes:
        taken: the connections that are being served.
        served: how many connections may be served at the same time.
        refused: how many further connections may be refused at the same time; all others wait in the kernel's queue.
    """

    def __init__(self, limit: int) -> None:
        spare = limit - _RESERVE - most_connections()
        self.refused = max(_FEWEST, min(_MOST_REFUSED, spare // 8))
        self.served = max(_FEWEST, spare - self.refused)
        self.taken: set[Any] = set()

    @property
    def is_full(self) -> bool:
        """Whether no more connections can be served."""
        return len(self.taken) >= self.served

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many connections that each should be closed after its response."""
        return len(self.taken) >= self.served * _CROWDED


class Turnover:
    """Makes each response close its connection while there are many connections.

    Args:
        app: the app that answers.
        places: the places of this process.
    """

    def __init__(self, app: ASGIApp, places: Places) -> None:
        self._app = app
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and self._places.is_crowded:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last if scope["type"] == "http" else send)


class BoundedServer(uvicorn.Server):
    """A uvicorn server that accepts a connection only while a file descriptor is free for it.

    Without a free descriptor, libuv would close the connection, and the client would see a reset.
    """

    def __init__(self, config: uvicorn.Config, places: Places) -> None:
        super().__init__(config)
        self._places = places
        places.taken = self.server_state.connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then listen.

        Raises:
            ConfigurationError: the address cannot be bound.
        """
        listening = sockets or await _bind(self.config.host, self.config.port)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise SystemExit(_STARTUP_FAILURE)
        self.servers = [_Door(each, self._places, self._serve_one) for each in listening]  # type: ignore[misc]
        self.started = True

    def _serve_one(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(self.config, self.server_state, self.lifespan.state)
        return protocol


async def _bind(host: str, port: int) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        addresses = dict.fromkeys((family, address) for family, _, _, _, address in found)
        listening = [socket.create_server(at[:2], family=family, backlog=_BACKLOG) for family, at in addresses]
    except OSError as error:
        raise ConfigurationError(f"{host} port {port} cannot be bound: {error.strerror}") from error
    for each in listening:
        each.setblocking(False)
    return listening


class _Door:
    """Accepts the connections of one listening socket: serves a connection if there is a place, and refuses it if not.

    Args:
        listening: the socket.
        places: the places of this process.
        serve: returns the protocol for a connection that is served.
    """

    def __init__(self, listening: socket.socket, places: Places, serve: Callable[[], asyncio.Protocol]) -> None:
        self._listening = listening
        self._places = places
        self._serve = serve
        self._refused: set[_Refusal] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._told_at = -math.inf
        self._open()

    def close(self) -> None:
        """Accept no more connections."""
        self._loop.remove_reader(self._listening)
        if self._pause:
            self._pause.cancel()
        self._listening.close()

    async def wait_closed(self) -> None:
        """Return at once: the code that ends the server waits for the connections itself."""

    def _open(self) -> None:
        # `loop.sock_accept` does not work here: in uvloop, it goes on accepting after the first connection, and loses
        # the connections that follow.
        self._loop.add_reader(self._listening, self._take)

    def _take(self) -> None:
        """Accept one connection.

        If there is no room for it, accept nothing for a moment, and then try again: uvloop does not report when a place
        becomes free.
        """
        if self._places.is_full and len(self._refused) >= self._places.refused:
            self._rest()
            return
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # something else in the process took the reserved descriptors
            _log.warning("connection.not_taken", error=error.strerror)
            self._rest()
            return
        opening = self._loop.create_task(self._begin(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _rest(self) -> None:
        self._loop.remove_reader(self._listening)
        self._pause = self._loop.call_later(_PAUSE_S, self._open)

    async def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # the client is gone already
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        if not self._places.is_full:
            return self._serve()
        if time.monotonic() - self._told_at > _TOLD_EVERY_S:
            self._told_at = time.monotonic()
            _log.warning("connections.full", served=self._places.served)
        return _Refusal(self._refused)


class _Refusal(asyncio.Protocol):
    """Answers one connection with 503 and ends it so that the client can read the answer.

    The request is read first, because some clients do not read an answer before they have sent their request. Bytes
    after the request are read too: closing a socket with unread bytes resets the connection.

    Args:
        others: all open refusals.
    """

    def __init__(self, others: set[_Refusal]) -> None:
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start waiting for the request, for a short time only."""
        self._transport = cast(asyncio.Transport, transport)  # the transport of a stream; uvloop's has its own class
        self._others.add(self)
        self._timer = asyncio.get_running_loop().call_later(_REQUEST_WITHIN_S, self._answer)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the request begins; the rest is dropped."""
        self._answer()

    def eof_received(self) -> bool:
        """Answer a client that has sent everything."""
        self._answer()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for the next refusal."""
        self._others.discard(self)
        if self._timer:
            self._timer.cancel()

    def _answer(self) -> None:
        if self._transport is None or self._timer is None:
            return
        transport, self._transport = self._transport, None
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_LINGER_S, transport.close)
        transport.write(_TOO_MANY)
        transport.write_eof()


def _too_many() -> bytes:
    error = Unavailable("Too many connections at once: try again, and keep fewer of them open")
    body = json.dumps({"error": {"code": error.code, "message": error.message}}).encode()
    head = (
        f"HTTP/1.1 {error.status} Service Unavailable\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: {_RETRY_AFTER_S}\r\nConnection: close\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode() + body


_TOO_MANY = _too_many()
