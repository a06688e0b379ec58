"""What a token makes the premise process do: rank the premises for the queries that have their vectors."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import structlog

from farm.errors import FarmError
from farm.processes import memory_mb
from farm.store.retrievals import Retrieval
from workers.premises.corpus import Corpus
from workers.premises.ranking import Ranker, Ranking
from workers.premises.selectors import Matrix
from workers.room import MOST_QUERIES, Post, Server, Taken

Progress = Callable[[int, int], None]

# After so long without a query, those in flight are not about to come.
_QUIET_S = 0.005
_MOST_PATIENCE_S = 0.05
# Redis counts in milliseconds, and 0 would be for ever.
_LEAST_WAIT_S = 0.001

_log = structlog.get_logger()


class Searcher(Server):
    """The premise process at work. Without its corpus it answers every query with the reason, and tries again.

    Args:
        post: the queries that wait for premises.
        load: returns the corpus, what ranks its premises and a line that says what was loaded; told its progress in
            premises done and premises in all; raises `FarmError` as long as it cannot.
    """

    def __init__(self, post: Post, load: Callable[[Progress], tuple[Corpus, Ranker, str]]) -> None:
        super().__init__(post)
        self._load = load
        self._ranker: Ranker | None = None
        self._corpus: Corpus | None = None
        self._spent_s = 0.0
        self._shown: dict[str, str | float] = {"notice": "", "engine": ""}

    def start(self) -> None:
        """Load the corpus if there is none; what prevents it becomes the notice of this worker."""
        if self._ranker is not None:
            return
        self._state = "starting"
        try:
            corpus, self._ranker, engine = self._load(self._show_progress)
            self._corpus = corpus
        except FarmError as error:
            _log.error("corpus.failed", error=error.message)
            self._show("failed", notice=error.message)
            return
        self._post.room.publish_corpus(corpus.snapshot, list(corpus.modules), list(corpus.unfiltered))
        _log.info("corpus.loaded", snapshot=corpus.snapshot, engine=engine)
        self._show("idle", notice="", engine=engine, progress=1.0)

    def serve(self, taken: Taken) -> None:
        """Answer queries with their premises, or with the reason why not."""
        try:
            answers = self._answers(taken)
        except FarmError as error:
            answers = [{"error": error.message}] * len(taken)
        self._post.room.reply_all(zip((retrieval for retrieval, _ in taken), answers, strict=True))

    def gather(self, taken: Taken) -> Taken:
        """Wait for queries that are about to come, never longer than those here would take: together they cost less."""
        room, started = self._post.room, time.monotonic()
        while len(taken) < min(room.in_flight(), MOST_QUERIES):
            left_s = min(self._spent_s * len(taken), _MOST_PATIENCE_S) - (time.monotonic() - started)
            more = room.wait(MOST_QUERIES - len(taken), min(left_s, _QUIET_S)) if left_s > _LEAST_WAIT_S else []
            if not more:
                break
            taken = [*taken, *more]
        return taken

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show; called by the heartbeat's thread."""
        failed = self._ranker is None and self._state != "starting"
        return {**self._shown, "state": "failed" if failed else self._state, "memory_mb": memory_mb(os.getpid())}

    def _answers(self, taken: Taken) -> list[dict[str, Any]]:
        if self._ranker is None:
            return [{"error": str(self._shown["notice"])}] * len(taken)
        started = time.monotonic()
        found = iter(self._ranker.rank_all(*_rows(taken)))
        self._spent_s = (time.monotonic() - started) / len(taken)
        timings_s, answered_s = self._ranker.timings_s, time.time()
        return [
            {
                "results": [self._shown_rows(r, next(found)) for _ in r.states],
                "timings_s": {"embed": r.embed_s, **timings_s},
                "answered_s": answered_s,
            }
            for r, _ in taken
        ]

    def _shown_rows(self, retrieval: Retrieval, ranking: Ranking) -> Sequence[Sequence[Any]]:
        if not retrieval.is_detailed or self._corpus is None:
            return ranking
        new = {premise.name: premise.decl for premise in retrieval.new_premises}
        return [(score, name, *_details(self._corpus, new, name)) for score, name in ranking]

    def _show_progress(self, done: int, total: int) -> None:
        notice = f"Embedding the corpus: {done} of {total} premises"
        self._show("starting", notice=notice, progress=round(done / total, 4))

    def _show(self, state: str, **fields: str | float) -> None:
        self._state = state
        self._shown.update(fields)
        self.on_change()


def _rows(taken: Taken) -> tuple[list[Retrieval], list[Matrix], list[Matrix]]:
    """Return for each goal of each query the query, the goal's vector, and those of the new premises."""
    queries, states, news = [], [], []
    for retrieval, blob in taken:
        vectors, goals = np.frombuffer(blob, np.float32).reshape(len(retrieval.texts), -1), len(retrieval.states)
        queries += [retrieval] * goals
        states += list(vectors[:goals])
        news += [vectors[goals:]] * goals
    return queries, states, news


def _details(corpus: Corpus, new: dict[str, str], name: str) -> tuple[str | None, str | None, str]:
    """Return kind, module and statement of a premise; of a new one its text is all that is known."""
    if name in new:
        return None, None, new[name]
    premise = corpus.premises[corpus.premise_ids[name]]
    return premise.kind, corpus.modules[premise.module], premise.statement
