"""A proxy between browser and farm that can stall: connections stay open, and nothing comes through."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_READ_BYTES = 1 << 16


class StallingProxy:
    """Carries bytes to a farm until `stall` is called; connections that are made afterwards are carried again.

    Attributes:
        url: where it listens.
    """

    def __init__(self, target: str) -> None:
        at = urlsplit(target)
        self._target = (at.hostname, at.port)
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    def stall(self) -> None:
        """Stop every connection there is: nobody closes it, and nothing comes."""
        self._loop.call_soon_threadsafe(self._replace_event)

    def _replace_event(self) -> None:
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flowing = self._flowing
        to_farm = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, to_farm[1]), (to_farm[0], writer)):
            task = self._loop.create_task(_carry(source, sink, flowing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        self._flowing.set()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopped.wait()
        server.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[StallingProxy]:
        """Listen in a thread."""
        ready, stopped = threading.Event(), asyncio.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(ready, stopped),))
        thread.start()
        try:
            assert ready.wait(10)
            yield self
        finally:
            self._loop.call_soon_threadsafe(stopped.set)
            thread.join()
            self._loop.close()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
    with contextlib.suppress(OSError), contextlib.closing(sink):
        while data := await source.read(_READ_BYTES):
            await flowing.wait()
            sink.write(data)
            await sink.drain()
