"""Remembers which new premises the embed room has embedded; the room need not embed these again."""

from __future__ import annotations

from collections import OrderedDict

from farm.store.retrievals import Retrieval


class Embedded:
    """Remembers the hashes of the new premises used most recently: as many as the embed room keeps vectors.

    From these hashes, the API estimates how many texts of a query still have to be embedded. An estimate is enough: it
    only decides whether the query is admitted. The embed worker divides a query that has many texts.

    Args:
        size: how many premises to remember.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: OrderedDict[int, None] = OrderedDict()

    def count(self, retrieval: Retrieval) -> int:
        """Return how many texts of a query are still to be embedded; goals are never remembered."""
        return len(retrieval.states) + sum(hash(premise.decl) not in self._seen for premise in retrieval.new_premises)

    def add(self, retrieval: Retrieval) -> None:
        """Remember the new premises of a query that was answered."""
        for premise in retrieval.new_premises:
            self._seen[hash(premise.decl)] = None
            self._seen.move_to_end(hash(premise.decl))
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
