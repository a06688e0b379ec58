"""The Celery side of the premise room: load after the fork, answer until nothing waits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from celery import Celery, signals

from farm.errors import FarmError
from farm.models import WorkerKind
from farm.processes import die_with_parent
from farm.queues import PREMISES_QUEUE, PREMISES_TASK, Tokens, celery_app
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.registry import Registry
from farm.store.retrievals import Retrieval, Room
from workers.embed.embedder import make_embedder
from workers.heartbeat import Heartbeat, worker_id
from workers.premises.corpus import SHIPPED, Corpus, load
from workers.premises.ranking import Ranker
from workers.premises.source import download
from workers.premises.vectors import load_or_build

_MOST = 64

_log = structlog.get_logger()


def find_source(settings: Settings) -> Path:
    """Return the data set to load: a folder, one of the hub's, or the shipped corpus.

    Raises:
        CorpusError: the hub's cannot be had.
    """
    if not settings.data_repo:
        return SHIPPED
    folder = Path(settings.data_repo)
    if folder.is_dir():
        return folder
    cache = settings.data_dir / "hub"
    return download(settings.data_repo, settings.data_revision or None, cache, settings.model_id)


def load_ranker(settings: Settings, progress: Callable[[int, int], None]) -> tuple[Corpus, Ranker, str]:
    """Return the corpus, what ranks its premises, and a line that says what was loaded.

    Raises:
        CorpusError: the data set is broken.
        EmbeddingError, ConfigurationError: its premises cannot be embedded.
    """
    corpus = load(find_source(settings), settings.data_dir / "corpora")
    embedder = make_embedder(settings)
    try:
        index = load_or_build(corpus, embedder.embed, settings.data_dir / "vectors", embedder.name, progress)
    finally:
        embedder.close()
    return corpus, Ranker(corpus, index), f"{len(corpus.premises)} premises by {embedder.name}"


class PremiseRoom:
    """Holds the corpus and the index of the one process that searches."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._parent = os.getpid()
        self._ranker: Ranker | None = None
        self._shown: dict[str, str | float] = {"state": "starting", "notice": "", "engine": ""}
        self._room = Room(connect(settings.redis_url), "premises")
        self._heartbeat: Heartbeat | None = None
        self._tokens: Tokens | None = None

    def bind(self, app: Celery) -> None:
        """Connect this room to Celery's signals and its one task."""
        self._tokens = Tokens(app)
        app.task(name=PREMISES_TASK)(self.work)
        signals.worker_process_init.connect(self._start, weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)

    def work(self) -> str:
        """Answer every query that waits."""
        if self._ranker is None:
            self._load()
        self._room.open()
        answered = 0
        while taken := self._room.take(_MOST):
            self._answer(taken)
            answered += len(taken)
        return f"{answered} queries"

    def _start(self, **_: Any) -> None:
        die_with_parent(self._parent)
        registry = Registry(connect(self._settings.redis_url), WorkerKind.PREMISES, worker_id())
        self._heartbeat = Heartbeat(registry, lambda: dict(self._shown))
        self._heartbeat.start()
        self._load()
        if self._tokens:
            # What was handed on while nobody was there has no token any more.
            self._tokens.publish(PREMISES_TASK, PREMISES_QUEUE)

    def _end(self, **_: Any) -> None:
        if self._heartbeat:
            self._heartbeat.end()

    def _load(self) -> None:
        """Load; what fails is shown and answered, and tried again at the next token."""
        try:
            corpus, self._ranker, engine = load_ranker(self._settings, self._show_progress)
        except FarmError as error:
            _log.error("corpus.failed", error=error.message)
            self._show(state="failed", notice=error.message)
            return
        self._room.publish_corpus(corpus.snapshot, list(corpus.modules), list(corpus.unfiltered))
        _log.info("corpus.loaded", snapshot=corpus.snapshot, engine=engine)
        self._show(state="idle", notice="", engine=engine, progress=1.0)

    def _show_progress(self, done: int, total: int) -> None:
        notice = f"Embedding the corpus: {done} of {total} premises"
        self._show(state="starting", notice=notice, progress=round(done / total, 4))

    def _show(self, **fields: str | float) -> None:
        self._shown.update(fields)
        if self._heartbeat:
            self._heartbeat.hurry()

    def _answer(self, taken: list[tuple[Retrieval, bytes]]) -> None:
        if self._ranker is None:
            for retrieval, _ in taken:
                self._room.reply(retrieval, {"error": str(self._shown["notice"])})
            return
        vectors = [np.frombuffer(blob, np.float32).reshape(len(r.texts), -1) for r, blob in taken]
        try:
            found = self._ranker.rank_all([r for r, _ in taken], [v[0] for v in vectors], [v[1:] for v in vectors])
        except FarmError as error:
            for retrieval, _ in taken:
                self._room.reply(retrieval, {"error": error.message})
            return
        for (retrieval, _), ranking in zip(taken, found, strict=True):
            self._room.reply(retrieval, {"premises": ranking})


def create_app(settings: Settings) -> Celery:
    """Return the Celery app of the premise room."""
    app = celery_app(settings)
    PremiseRoom(settings).bind(app)
    return app
