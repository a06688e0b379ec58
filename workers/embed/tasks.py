"""The Celery side of the embed room: the embedder is built after the fork, and a token drains what waits."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from celery import Celery, signals

from farm.models import WorkerKind
from farm.processes import die_with_parent
from farm.queues import EMBED_QUEUE, EMBED_TASK, Tokens, celery_app
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.registry import Registry
from farm.store.retrievals import Room
from workers.embed.cache import VectorCache
from workers.embed.embedder import make_embedder
from workers.embed.runner import Runner
from workers.heartbeat import Heartbeat, worker_id


class EmbedRoom:
    """Holds what the one process of this room owns."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parent = os.getpid()
        self._stop = multiprocessing.get_context("fork").Event()
        self._runner: Runner | None = None
        self._heartbeat: Heartbeat | None = None
        self._tokens: Tokens | None = None

    def bind(self, app: Celery) -> None:
        """Connect this room to Celery's signals and its one task."""
        self._tokens = Tokens(app)
        app.task(name=EMBED_TASK)(self.work)
        signals.worker_process_init.connect(self._start, weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)
        signals.worker_shutting_down.connect(self._stop_soon, weak=False)

    def work(self) -> str:
        """Embed every query that waits."""
        if self._runner is None:
            raise RuntimeError("The process has not been started by Celery's prefork pool")
        return self._runner.work()

    def _stop_soon(self, **_: Any) -> None:
        self._stop.set()

    def _start(self, **_: Any) -> None:
        """Build this process: connections, threads and models do not survive a fork."""
        die_with_parent(self._parent)
        if self._tokens is None:
            raise RuntimeError("The room was not bound to an app")
        settings, client = self._settings, connect(self._settings.redis_url)
        cache = VectorCache(settings.lru_cache_size)
        runner = Runner(Room(client, "embed"), self._tokens, lambda: make_embedder(settings), cache, self._stop.is_set)
        self._runner = runner
        self._heartbeat = Heartbeat(Registry(client, WorkerKind.EMBED, worker_id()), runner.describe)
        self._heartbeat.start()
        runner.start()
        self._heartbeat.hurry()
        # What was submitted while nobody was there has no token any more.
        self._tokens.publish(EMBED_TASK, EMBED_QUEUE)

    def _end(self, **_: Any) -> None:
        if self._runner:
            self._runner.close()
        if self._heartbeat:
            self._heartbeat.end()


def create_app(settings: Settings) -> Celery:
    """Return the Celery app of the embed room."""
    app = celery_app(settings)
    EmbedRoom(settings).bind(app)
    return app
