"""The server that the embed and premise rooms share: a token wakes it, and it stays awake for a while.

A token is a Celery message that says that queries wait. Celery takes up to 80 ms to deliver a token, several times as
long as a query takes. So after the last query, a process waits a while for more queries on the room's list in Redis.
While a process waits, queries need no tokens.
"""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from celery import Celery, signals

from farm.celery_app import Tokens, celery_app
from farm.errors import StoreUnavailable
from farm.models import WorkerKind
from farm.processes import die_with_parent, host_of_ids, is_identity_alive
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.registry import Registry
from farm.store.room_queues import Room, Taken
from workers.background_threads import or_end
from workers.heartbeat import Heartbeat, worker_id
from workers.metric_counts import Metrics
from workers.stopping import StopFlag

LINGER_S = 10.0
"""How long a process stays awake after the last query."""
MOST_QUERIES = 64
"""The most queries that are served together."""
# How long a waiting process may take to notice that it has to end.
_LOOK_UP_S = 0.5
# A connection on which Redis is silent for longer is given up. No answer takes that long, and Redis keeps the queries.
_SILENCE_S = 3.0
_RETRY_S = 0.2
_FAULT = "The worker failed on this query: its log says why"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Post:
    """The connections and settings that a room's server uses.

    Attributes:
        room: the queries that wait for the server.
        tokens: publishes tokens.
        stopping: returns whether the worker was told to end.
        figures: where the server counts for /metrics.
        linger_s: how long the server stays awake after the last query.
    """

    room: Room
    tokens: Tokens
    stopping: Callable[[], bool]
    figures: Metrics
    linger_s: float = LINGER_S


class RoomServer(ABC):
    """Serves a room's queries in one process of its worker."""

    # Called when `describe` has something new.
    on_change: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, post: Post) -> None:
        self._post = post
        self._state = "starting"

    @abstractmethod
    def start(self) -> None:
        """Load what queries need, unless it is loaded.

        If that fails, `describe` shows the reason, `serve` answers queries with it, and the next call tries again.
        """

    def gather(self, taken: Taken) -> Taken:
        """Return the queries to serve together: `taken`, and further queries that are worth waiting for."""
        return taken

    @abstractmethod
    def serve(self, taken: Taken) -> None:
        """Answer queries, or hand them on to the next room."""

    @abstractmethod
    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show; called by the heartbeat's thread."""

    def close(self) -> None:  # noqa: B027 - not every server holds something
        """Release what the server holds."""

    def work(self) -> str:
        """Serve waiting queries until none has come for a while; return a line for the log and Flower."""
        self.start()
        served = 0
        for first in self._takes():
            self._state = "busy"
            try:
                served += self._serve_with(first)
            except StoreUnavailable as error:
                _await_store(error)
            finally:
                self._state = "idle"
        return f"{served} queries"

    def _serve_with(self, first: Taken) -> int:
        """Serve `first`, together with the queries that `gather` adds; return how many queries these were.

        If serving fails, every one of these queries is answered with an error.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        taken = first
        try:
            taken = self.gather(first)
            self.serve(taken)
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - the next queries must not be affected
            _log.exception("queries.failed", queries=len(taken))
            self._post.room.reply_all((retrieval, {"error": _FAULT}) for retrieval, _ in taken)
        return len(taken)

    def _takes(self) -> Iterator[Taken]:
        """Yield queries to serve until none has come for a while; if the store does not answer, wait until it does."""
        quiet_since, looks, is_leaving = time.monotonic(), True, False
        while not self._post.stopping():
            left_s = quiet_since + self._post.linger_s - time.monotonic()
            try:
                taken = self._post.room.take(MOST_QUERIES) if looks else []
                # If `is_leaving`, `_wait` has recorded that the next query needs a token again. A query that came just
                # before has no token, so the list is checked once more before this method returns.
                if is_leaving and not taken:
                    return
                if not taken:
                    is_leaving = left_s <= 0
                    taken = self._wait(left_s)
            except StoreUnavailable as error:
                _await_store(error)
                quiet_since, looks, is_leaving = time.monotonic(), True, False
                continue
            if taken:
                yield taken
                quiet_since, is_leaving = time.monotonic(), False
            # If queries wait on the list, the next wait returns them at once. A query whose lease has lapsed is not on
            # the list, so `take` must look for such queries if a wait brings nothing.
            looks = not taken
        self._leave_the_rest()

    def _wait(self, left_s: float) -> Taken:
        """Return the queries that come within half a second.

        If no time is left, return no query, and let the next query send a token again.
        """
        room = self._post.room
        if left_s <= 0:
            room.open()
            return []
        if taken := room.linger(MOST_QUERIES, min(left_s, _LOOK_UP_S)):
            self.start()
        return taken

    def _leave_the_rest(self) -> None:
        """If queries wait, publish a token for the next worker. If Redis does not answer, leave this to the reaper."""
        with contextlib.suppress(StoreUnavailable):
            self._post.room.open()
            if self._post.room.call_if_neglected():
                self._post.tokens.room(self._post.room.name)


def _await_store(error: StoreUnavailable) -> None:
    _log.warning("room.waits", error=error.message)
    time.sleep(_RETRY_S)


class RoomProcess:
    """The Celery side of a room: the room's server is made after the fork, and a token starts the server's work.

    Args:
        kind: the room, which is also the kind of its workers.
        make: makes the server, given its `Post`.
    """

    def __init__(self, settings: Settings, kind: WorkerKind, make: Callable[[Post], RoomServer]) -> None:
        self._settings = settings
        self._kind = kind
        self._make = make
        self._parent = os.getpid()
        self._stop = StopFlag()
        self._server: RoomServer | None = None
        self._heartbeat: Heartbeat | None = None
        self._tokens: Tokens | None = None

    def bind(self, app: Celery, task: str) -> None:
        """Register the room's one task, and the handlers of Celery's signals, with an app."""
        self._tokens = Tokens(app)
        app.task(name=task)(self.work)
        signals.worker_process_init.connect(or_end(self._start), weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)
        signals.worker_shutting_down.connect(self._stop_soon, weak=False)

    def work(self) -> str:
        """Run the room's task: serve every query that waits."""
        if self._server is None:
            raise RuntimeError("The process has not been started by Celery's prefork pool")
        return self._server.work()

    def _stop_soon(self, **_: Any) -> None:
        self._stop.set()

    def _start(self, **_: Any) -> None:
        """Build, after the fork, what this process needs: no connections, threads or models survive a fork."""
        die_with_parent(self._parent)
        if self._tokens is None:
            raise RuntimeError("The room was not bound to an app")
        client = connect(self._settings.redis_url, silence_s=_SILENCE_S)
        room = Room(client, self._kind.value, worker_id())
        figures = Metrics()
        server = self._make(Post(room, self._tokens, self._stop.is_set, figures))
        self._server = server
        registry = Registry(client, self._kind, worker_id())

        def hand_in() -> None:
            room.renew()
            figures.hand_in(client)

        self._heartbeat = Heartbeat(registry, server.describe, hand_in=hand_in)
        server.on_change = self._heartbeat.hurry
        self._heartbeat.start()
        # This process may replace a process that died while it served queries. Put those back, because another process
        # may be free to answer them now.
        with contextlib.suppress(StoreUnavailable):  # the leases of these queries will lapse
            room.recover(may_be_alive)
        server.start()
        self._heartbeat.hurry()
        # Queries that were submitted while no worker ran may have no token any more.
        self._tokens.room(self._kind.value)

    def _end(self, **_: Any) -> None:
        if self._server:
            self._server.close()
        if self._heartbeat:
            self._heartbeat.end()


def may_be_alive(worker: str) -> bool:
    """Whether a worker with this name (from `worker_id`) may be alive; always true for processes of other hosts."""
    host, _, identity = worker.partition(":")
    return host != host_of_ids() or is_identity_alive(identity)


def room_app(settings: Settings, kind: WorkerKind, task: str, make: Callable[[Post], RoomServer]) -> Celery:
    """Return the Celery app of a room."""
    app = celery_app(settings)
    RoomProcess(settings, kind, make).bind(app, task)
    return app
