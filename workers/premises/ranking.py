"""Finds the best premises for a query, among the indexed premises and the new ones that came with the query."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from workers.premises.corpus import Corpus
from workers.premises.index import Index, inner
from workers.premises.numbering import Numbering
from workers.premises.selectors import Ids, Matrix, Query, Selection, Selectors

Ranking = list[tuple[float, str | int]]
"""Scores, each with the name of an indexed premise, or with the position of a new premise among those of the query."""


class Ranker:
    """Ranks premises for queries; only one thread may use it at a time.

    Attributes:
        timings_s: seconds that the last queries took together, by stage: `select`, `search`, `rescore`.
    """

    def __init__(self, corpus: Corpus, index: Index, numbering: Numbering) -> None:
        self._corpus = corpus
        self._index = index
        self._selectors = Selectors(corpus, numbering)
        self.timings_s: dict[str, float] = {}

    def rank(self, query: Query, state: Matrix, new: Matrix) -> Ranking:
        """Return the k best premises for one query with their scores, best first.

        A new premise replaces the indexed premise of the same name. Where scores are equal, indexed premises come
        first, followed by new premises in the query's order.

        Args:
            query: the query; the caller has to bound its `k` and the number of its new premises.
            state: float32 [d], the goal's vector.
            new: float32 [m, d], the vectors of the m new premises.

        Raises:
            ConfigurationError: the vectors have a different dimension from the index.
        """
        return self.rank_all([query], [state], [new])[0]

    def rank_all(self, queries: Sequence[Query], states: Sequence[Matrix], news: Sequence[Matrix]) -> list[Ranking]:
        """Return what `rank` returns, for each query; all queries share one search."""
        clock, rescored_s = [time.perf_counter()], self._index.rescored_s
        groups = self._groups(queries)
        clock.append(time.perf_counter())
        found = self._index.search_all(np.stack(states), [query.k for query in queries], groups) if queries else {}
        clock.append(time.perf_counter())
        rankings = [self._merge(query, *found[row], inner(news[row], states[row])) for row, query in enumerate(queries)]
        clock.append(time.perf_counter())
        select_s, search_s, merge_s = np.diff(clock).tolist()
        # The share of the elapsed time is an estimate, as threads do not all end at once.
        rescore_s = min(self._index.rescored_s - rescored_s, search_s)
        self.timings_s = {"select": select_s, "search": search_s - rescore_s, "rescore": rescore_s + merge_s}
        return rankings

    def _groups(self, queries: Sequence[Query]) -> dict[Selection, list[int]]:
        groups: dict[Selection, list[int]] = {}
        # A query with several goals occurs once per goal, but its accessible premises are looked up only once.
        selections = {id(query): self._selectors.select(query) for query in {id(q): q for q in queries}.values()}
        for row, query in enumerate(queries):
            groups.setdefault(selections[id(query)], []).append(row)
        return groups

    def _merge(self, query: Query, scores: Matrix, ids: Ids, new_scores: Matrix) -> Ranking:
        both = np.concatenate([scores, new_scores])
        best = np.argsort(-both, kind="stable")[: max(query.k, 0)].tolist()
        found = [self._corpus.premises[id].name for id in ids.tolist()]
        return [(float(both[place]), found[place] if place < len(found) else place - len(found)) for place in best]
