"""Answers: the best of the indexed premises and of those that came with the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workers.premises.corpus import Corpus
from workers.premises.index import Index, Matrix, inner
from workers.premises.selectors import Ids, Query, Selection, Selectors

Ranking = list[tuple[float, str]]


class Ranker:
    """Ranks premises for queries. Not for several threads at once."""

    def __init__(self, corpus: Corpus, index: Index) -> None:
        self._corpus = corpus
        self._index = index
        self._selectors = Selectors(corpus)

    def rank(self, query: Query, state: Matrix, new: Matrix) -> Ranking:
        """Return the k best premises of one query with their scores, best first.

        A new premise stands for the indexed one of its name; where scores are equal, indexed premises come first, then
        those in the query's order.

        Args:
            query: k as it is: clamping it, and the number of new premises, is the caller's.
            state: float32 [d], the goal's vector.
            new: float32 [m, d], the vectors of the m new premises.

        Raises:
            ConfigurationError: the vectors have another dimension than the index.
        """
        return self.rank_all([query], [state], [new])[0]

    def rank_all(self, queries: Sequence[Query], states: Sequence[Matrix], news: Sequence[Matrix]) -> list[Ranking]:
        """Return what `rank` does for each query; those with the same access share one search."""
        groups: dict[Selection, list[int]] = {}
        # One query may stand here once per goal; what it can see is looked up once.
        selections = {id(query): self._selectors.select(query) for query in {id(q): q for q in queries}.values()}
        for row, query in enumerate(queries):
            groups.setdefault(selections[id(query)], []).append(row)
        rankings: list[Ranking] = [[] for _ in queries]
        for selection, rows in groups.items():
            k = max(queries[row].k for row in rows)
            found = self._index.search(np.stack([states[row] for row in rows]), k, selection)
            for row, scores, ids in zip(rows, *found, strict=True):
                rankings[row] = self._merge(queries[row], scores, ids, inner(news[row], states[row]))
        return rankings

    def _merge(self, query: Query, scores: Matrix, ids: Ids, new_scores: Matrix) -> Ranking:
        both = np.concatenate([scores, new_scores])
        best = np.argsort(-both, kind="stable")[: max(query.k, 0)].tolist()
        names = [self._corpus.premises[id].name for id in ids.tolist()]
        names += [premise.name for premise in query.new_premises]
        return [(float(both[place]), names[place]) for place in best]
