"""The work that a token starts in the premise process: rank the premises for queries that are already embedded."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from farm.errors import FarmError
from farm.metric_series import MetricSeries
from farm.processes import memory_mb
from farm.settings import Settings
from farm.store.corpora import Corpora, Published, Wish
from farm.store.retrievals import Retrieval
from farm.store.room_queues import Taken
from workers.embed.embedder import may_be_same_model
from workers.premises.corpus import Corpus
from workers.premises.corpus_switch import Switch
from workers.premises.loading import Indexed, home, load_index, settings_of
from workers.premises.numbering import Numbering
from workers.premises.ranking import Ranker, Ranking
from workers.premises.selectors import Matrix
from workers.room_server import MOST_QUERIES, Post, RoomServer

# After this long without a query, none is expected soon.
_QUIET_S = 0.005
_MOST_PATIENCE_S = 0.05
# Redis counts in milliseconds, and 0 would mean for ever.
_LEAST_WAIT_S = 0.001

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Engine:
    """The parts that answer a query, kept together so that no answer mixes two corpora."""

    corpus: Corpus
    numbering: Numbering
    ranker: Ranker
    model: str


class PremiseServer(RoomServer):
    """Ranks premises in the premise process.

    If no corpus can be loaded, the server answers every query with the reason, and tries again.

    Args:
        post: the queries that wait for premises.
        settings: the settings that name the corpus to load, unless an operator has requested another.
        corpora: where an operator requests another corpus, and where clients look up the lists.
    """

    def __init__(self, post: Post, settings: Settings, corpora: Corpora) -> None:
        super().__init__(post)
        self._settings = settings
        self._corpora = corpora
        self._home = home(settings)
        self._switch = Switch(corpora, self._home, self._load_wish, self._put)
        # The serving thread loads the first corpus, the switch's thread loads any later one; never both at once.
        self._loading = threading.Lock()
        self._engine: _Engine | None = None
        self._spent_s = 0.0
        self._shown: dict[str, str | float] = {"notice": "", "engine": ""}

    def start(self) -> None:
        """Load the corpus if there is none; if that fails, the reason becomes this worker's notice."""
        if self._engine is not None:
            return
        self._state = "starting"
        if not self._switch.is_alive():
            self._switch.start()
        try:
            self._load_first()
        except FarmError as error:
            _log.error("corpus.failed", error=error.message)
            self._state = "failed"
            self._show(notice=error.message)

    def close(self) -> None:
        """Stop checking for requests for another corpus."""
        self._switch.end()

    def _load_first(self) -> None:
        with self._loading:
            if self._engine is None:
                wish = self._corpora.chosen(self._home)
                settings = settings_of(wish, self._settings) if wish else self._settings
                self._switch.begin(load_index(settings, self._show_progress), wish)

    def _load_wish(self, wish: Wish) -> Indexed:
        try:
            with self._loading:
                indexed = load_index(settings_of(wish, self._settings), self._show_progress, wish.snapshot)
        except FarmError as error:
            self._show(notice=f"The corpus {wish.repo} cannot be used: {error.message}")
            raise
        self._show(notice="")
        return indexed

    def _put(self, indexed: Indexed) -> Published:
        """From the next query on, answer with this corpus; names that clients know keep their numbers."""
        numbering = Numbering.of(indexed.corpus, self._corpora.published())
        ranker = Ranker(indexed.corpus, indexed.index, numbering)
        self._engine = _Engine(indexed.corpus, numbering, ranker, indexed.model)
        if self._state in ("starting", "failed"):
            self._state = "idle"
        _log.info("corpus.answers", edition=numbering.edition, engine=indexed.engine)
        self._show(notice="", engine=indexed.engine, progress=1.0)
        return numbering.published

    def serve(self, taken: Taken) -> None:
        """Answer queries with their premises, or with the reason why there are none."""
        # `_engine` is read once: the switch may replace it meanwhile.
        if (engine := self._engine) is None:
            self._refuse(taken, str(self._shown["notice"]))
            return
        own: Taken = []
        for retrieval, blob in taken:
            if may_be_same_model(retrieval.model, engine.model):
                own.append((retrieval, blob))
            else:
                self._refuse([(retrieval, blob)], _foreign(retrieval.model, engine.model))
        for alike in _by_dimension(own):
            self._answer(engine, alike)

    def _answer(self, engine: _Engine, taken: Taken) -> None:
        try:
            answers = self._answers(engine, taken)
        except FarmError as error:
            self._refuse(taken, error.message)
        else:
            self._post.room.reply_all(zip((retrieval for retrieval, _ in taken), answers, strict=True))

    def _refuse(self, taken: Taken, reason: str) -> None:
        self._post.room.reply_all((retrieval, {"error": reason}) for retrieval, _ in taken)

    def gather(self, taken: Taken) -> Taken:
        """Wait for queries that are about to come, and return them with `taken`: one search for all takes less time.

        The wait is no longer than the time that it takes to serve the queries taken so far.
        """
        room, started = self._post.room, time.monotonic()
        while len(taken) < min(room.in_flight(), MOST_QUERIES):
            left_s = min(self._spent_s * len(taken), _MOST_PATIENCE_S) - (time.monotonic() - started)
            more = room.take_more(MOST_QUERIES - len(taken), min(left_s, _QUIET_S)) if left_s > _LEAST_WAIT_S else []
            if not more:
                break
            taken = [*taken, *more]
        return taken

    def describe(self) -> dict[str, str | float]:
        """Return the fields of `WorkerStatus` to show; called by the heartbeat's thread."""
        is_failed = self._engine is None and self._state != "starting"
        return {**self._shown, "state": "failed" if is_failed else self._state, "memory_mb": memory_mb(os.getpid())}

    def _answers(self, engine: _Engine, taken: Taken) -> list[dict[str, Any]]:
        started = time.monotonic()
        found = iter(engine.ranker.rank_all(*_rows(taken)))
        self._spent_s = (time.monotonic() - started) / len(taken)
        timings_s, answered_s = engine.ranker.timings_s, time.time()
        for stage, seconds in timings_s.items():
            self._post.figures.observe(MetricSeries.RETRIEVAL, seconds, stage)
        return [
            {
                "results": [_shown_rows(engine.corpus, r, next(found)) for _ in r.states],
                "corpus": engine.numbering.edition,
                "timings_s": {"embed": r.embed_s, **timings_s},
                "answered_s": answered_s,
            }
            for r, _ in taken
        ]

    def _show_progress(self, done: int, total: int) -> None:
        self._show(notice=f"Embedding a corpus: {done} of {total} premises", progress=round(done / total, 4))

    def _show(self, **fields: str | float) -> None:
        self._shown.update(fields)
        self.on_change()


def _foreign(model: str, own: str) -> str:
    return (
        f"The embed worker uses the model {model}, and the premises' vectors are those of {own}: restart both workers "
        "with one MODEL_ID and EMBED_SERVICE_URL"
    )


def _by_dimension(taken: Taken) -> list[Taken]:
    """Divide queries by the dimension of their vectors: a query of another model should not make the others fail."""
    found: dict[int, Taken] = {}
    for retrieval, blob in taken:
        found.setdefault(len(blob) // len(retrieval.texts), []).append((retrieval, blob))
    return list(found.values())


def _rows(taken: Taken) -> tuple[list[Retrieval], list[Matrix], list[Matrix]]:
    """For each goal of each query, return the query, the goal's vector and the vectors of the new premises."""
    queries, states, news = [], [], []
    for retrieval, blob in taken:
        vectors, goals = np.frombuffer(blob, np.float32).reshape(len(retrieval.texts), -1), len(retrieval.states)
        queries += [retrieval] * goals
        states += list(vectors[:goals])
        news += [vectors[goals:]] * goals
    return queries, states, news


def _shown_rows(corpus: Corpus, retrieval: Retrieval, ranking: Ranking) -> list[Sequence[Any]]:
    return [
        _new_row(retrieval, score, found) if isinstance(found, int) else _indexed_row(corpus, retrieval, score, found)
        for score, found in ranking
    ]


def _new_row(retrieval: Retrieval, score: float, position: int) -> Sequence[Any]:
    """Return the row of a new premise; of its details, only the statement is known."""
    if retrieval.takes_positions:
        return score, position
    premise = retrieval.new_premises[position]
    return (score, premise.name, None, None, premise.decl) if retrieval.is_detailed else (score, premise.name)


def _indexed_row(corpus: Corpus, retrieval: Retrieval, score: float, name: str) -> Sequence[Any]:
    if not retrieval.is_detailed:
        return score, name
    premise = corpus.premises[corpus.premise_ids[name]]
    return score, name, premise.kind, corpus.modules[premise.module], premise.statement
