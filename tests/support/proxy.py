"""A TCP proxy between a farm and its store, which on request cuts, refuses or silences connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
_RESET = struct.pack("ii", 1, 0)
_CHUNK = 65536


class Link:
    """One connection through the proxy.

    Attributes:
        client: the client's port.
        server: the port under which the store sees the connection.
        is_silent: whether the proxy passes on nothing any more, although both ends are open.
        cut_after: how many bytes of the next reply pass before the connection is cut; None if it is not to be cut.
        sent: the bytes that the client sent last.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.client: int = writer.get_extra_info("peername")[1]
        self.server = 0
        self.is_silent = False
        self.cut_after: int | None = None
        self.sent = b""
        self._writers = [writer]
        self._is_cut = False

    def join(self, writer: asyncio.StreamWriter) -> None:
        """Add the other end."""
        self.server = writer.get_extra_info("sockname")[1]
        self._writers.append(writer)
        if self._is_cut:
            writer.close()

    def cut(self, *, reset: bool = False) -> None:
        """Close both ends: in the ordinary way, or with a reset, as after a crash."""
        self._is_cut = True
        for writer in self._writers:
            end = writer.get_extra_info("socket")
            if reset and end is not None:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()


Chosen = Callable[[Link], bool]


def everyone(_: Link) -> bool:
    """Choose every connection."""
    return True


class Proxy:
    """Stands in front of a server on this host, in a thread of its own.

    Args:
        target: the server's port.

    Attributes:
        port: the port of the proxy.
        takes_in_vain: whether new connections are accepted but never answered.
        hush: called whenever a client sends something; if it returns true, that connection goes silent.
    """

    def __init__(self, target: int) -> None:
        self.takes_in_vain = False
        self.hush: Chosen = lambda _: False
        self._target = target
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.listen()

    def listen(self) -> None:
        """Accept connections."""
        self._run(self._listen())

    def refuse(self) -> None:
        """Accept no connections, and cut the present ones."""
        self._run(self._close())
        self.cut()

    def aim(self, target: int) -> None:
        """Pass new connections on to another server's port."""
        self._target = target

    def cut(self, chosen: Chosen = everyone, *, reset: bool = False) -> None:
        """Cut the chosen connections."""
        self._run(self._each(chosen, lambda link: link.cut(reset=reset)))

    def silence(self, chosen: Chosen = everyone) -> list[Link]:
        """Silence the chosen connections, and return them."""
        return self._run(self._each(chosen, lambda link: setattr(link, "is_silent", True)))

    def cut_replies(self, after: int, chosen: Chosen = everyone) -> None:
        """Cut the chosen connections in the middle of their next reply, after this many bytes."""
        self._run(self._each(chosen, lambda link: setattr(link, "cut_after", after)))

    def links(self) -> list[Link]:
        """Return all connections."""
        return self._run(self._each(everyone, lambda _: None))

    def end(self) -> None:
        """Stop the proxy."""
        self.refuse()
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, what: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()

    async def _finish(self) -> None:
        if rest := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(rest, timeout=2)

    async def _each(self, chosen: Chosen, do: Callable[[Link], object]) -> list[Link]:
        found = [link for link in list(self._links) if chosen(link)]
        for link in found:
            do(link)
        return found

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(writer)
        link.is_silent = self.takes_in_vain
        self._links.add(link)
        try:
            answers, onward = await asyncio.open_connection("127.0.0.1", self._target)
            link.join(onward)
            await asyncio.gather(self._pass_on(link, reader, onward, False), self._pass_on(link, answers, writer, True))
        except OSError:
            pass
        finally:
            link.cut()
            self._links.discard(link)

    async def _pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool
    ) -> None:
        while data := await reader.read(_CHUNK):
            if not back:
                link.sent = data
                link.is_silent = link.is_silent or self.hush(link)
            if link.is_silent:
                continue
            if back and link.cut_after is not None:
                writer.write(data[: link.cut_after])
                await writer.drain()
                raise ConnectionError
            writer.write(data)
            await writer.drain()
        if back and link.is_silent:
            return  # the server has closed the silent connection, and the client must not notice
        raise ConnectionError


@contextmanager
def proxied(url: str) -> Iterator[tuple[Proxy, str]]:
    """Yield a proxy in front of the store at a URL, and the URL of the store through the proxy."""
    port = urlsplit(url).port
    assert port
    proxy = Proxy(port)
    try:
        yield proxy, url.replace(f":{port}", f":{proxy.port}")
    finally:
        proxy.end()
