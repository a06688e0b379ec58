"""The work that a token starts in the embed process: embed waiting queries and pass them on to the premise room."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import structlog

from farm.celery_app import PREMISES_QUEUE
from farm.errors import EmbeddingError, FarmError
from farm.metric_series import MetricSeries
from farm.processes import tree_memory_mb
from farm.store.retrievals import Retrieval
from farm.store.room_queues import Taken
from workers.embed.cache import VectorCache
from workers.embed.embedder import Embedder
from workers.embed.failures import InputRejected, ServiceDown
from workers.room_server import Post, RoomServer

# Bounds what is embedded and handed on at once: at 768 numbers, 4096 vectors are 12 MB.
_MOST_TEXTS = 4096

_log = structlog.get_logger()


class EmbedServer(RoomServer):
    """Embeds queries in the embed process.

    If no embedder can be built, the server answers every query with the reason, and tries again.

    Args:
        post: the queries that wait to be embedded.
        build: makes the embedder; raises `FarmError` as long as that fails.
        cache: the vectors of new premises.
    """

    def __init__(self, post: Post, build: Callable[[], Embedder], cache: VectorCache) -> None:
        super().__init__(post)
        self._build = build
        self._cache = cache
        self._embedder: Embedder | None = None
        self._failure = ""
        self._texts = 0

    def start(self) -> None:
        """Build the embedder if there is none; if that fails, the reason becomes this worker's notice."""
        if self._embedder is None:
            try:
                self._embedder, self._failure = self._build(), ""
                _log.info("embedder.ready", engine=self._embedder.name, kind=self._embedder.kind)
            except FarmError as error:
                self._fail(error)
        self._state = "idle"

    def work(self) -> str:
        """Embed waiting queries until none has come for a while; return a line for the log and Flower."""
        before = self._texts
        return f"{super().work()}, {self._texts - before} texts"

    def serve(self, taken: Taken) -> None:
        """Embed queries and hand them on to the premise room."""
        for batch in _batches([retrieval for retrieval, _ in taken]):
            self._serve(batch)

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show; called by the heartbeat's thread."""
        embedder, failure = self._embedder, self._failure
        return {
            "state": "failed" if failure else self._state,
            "notice": failure or (embedder.notice if embedder else ""),
            "engine": embedder.name if embedder else "",
            "memory_mb": round(tree_memory_mb(os.getpid()), 1),
        }

    def close(self) -> None:
        """Release the embedder."""
        if self._embedder:
            self._embedder.close()

    def _serve(self, batch: Sequence[Retrieval]) -> None:
        """Embed a batch and hand it on.

        If the embedding service is down, every query is answered with the error. If the batch fails for another reason,
        its queries are tried one by one, so that a query that cannot be embedded fails alone.
        """
        if self._embedder is None:
            self._refuse(batch, self._failure)
            return
        started = time.monotonic()
        try:
            vectors = self._embed(self._embedder, batch)
        except ServiceDown as error:
            self._fail(error)
            self._refuse(batch, error.message)
        except EmbeddingError as error:
            _log.warning("embedding.failed", queries=len(batch), error=error.message)
            self._serve_singly(batch, error.message)
        else:
            self._failure = ""
            spent_s = time.monotonic() - started
            self._post.figures.count(MetricSeries.EMBEDDING_BATCHES)
            self._post.figures.observe(MetricSeries.RETRIEVAL, spent_s, "embed")
            if self._post.room.pass_on(PREMISES_QUEUE, vectors, spent_s, self._embedder.name):
                self._post.tokens.room(PREMISES_QUEUE)

    def _serve_singly(self, batch: Sequence[Retrieval], reason: str) -> None:
        if len(batch) == 1:
            self._refuse(batch, reason)
            return
        self._failure = ""
        for at, retrieval in enumerate(batch):
            if self._failure:
                # The service went down meanwhile: the other queries must not wait for the service one after the other.
                self._refuse(batch[at:], self._failure)
                return
            self._serve([retrieval])

    def _embed(self, embedder: Embedder, batch: Sequence[Retrieval]) -> dict[str, bytes]:
        """Return, by query id, the vectors of each query: float32 `[len(texts), dimension]` in C order."""
        texts = dict.fromkeys(text for retrieval in batch for text in retrieval.texts)
        premises = dict.fromkeys(premise.decl for retrieval in batch for premise in retrieval.new_premises)
        known = self._cache.find(embedder.name, embedder.dimension, list(premises)) if premises else {}
        missing = [text for text in texts if text not in known]
        try:
            known.update(zip(missing, embedder.embed(missing), strict=True))
        except InputRejected as error:
            raise EmbeddingError(f"{_place(batch, missing[error.position])}: {error.reason}") from error
        self._texts += len(missing)
        self._post.figures.count(MetricSeries.EMBEDDED_TEXTS, by=len(missing))
        self._cache.put(embedder.name, {text: known[text] for text in missing if text in premises})
        return {r.id: np.stack([known[text] for text in r.texts]).tobytes() for r in batch}

    def _refuse(self, batch: Sequence[Retrieval], reason: str) -> None:
        self._post.room.reply_all((retrieval, {"error": reason}) for retrieval in batch)

    def _fail(self, error: FarmError) -> None:
        self._failure = error.message
        _log.error("embedder.failed", error=error.message)


def _batches(retrievals: Sequence[Retrieval]) -> Iterator[list[Retrieval]]:
    """Yield runs of queries with a bounded number of texts; a query with more texts makes a run of its own."""
    batch: list[Retrieval] = []
    texts = 0
    for retrieval in retrievals:
        more = len(retrieval.states) + len(retrieval.new_premises)
        if batch and texts + more > _MOST_TEXTS:
            yield batch
            batch, texts = [], 0
        batch.append(retrieval)
        texts += more
    if batch:
        yield batch


def _place(batch: Sequence[Retrieval], text: str) -> str:
    """Return the field in which the first query with this text has the text, such as `state` or `new_premises[3]`."""
    retrieval = next(retrieval for retrieval in batch if text in retrieval.texts)
    position, goals = retrieval.texts.index(text), len(retrieval.states)
    if position >= goals:
        return f"new_premises[{position - goals}]"
    return f"states[{position}]" if retrieval.is_detailed else "state"
