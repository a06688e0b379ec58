"""The numbers by which clients name modules and premises.

Clients fetch the lists of names once and send positions in them for as long as they live, without saying which lists
they have. So lists are only ever added to: when the corpus is replaced, a name keeps its number, a name that is gone
keeps it too and selects nothing, and new names come last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from farm.store.corpora import Published
from workers.premises.corpus import Corpus


@dataclass(frozen=True, slots=True, eq=False)
class Numbering:
    """The lists of names for a corpus.

    Attributes:
        edition: names the corpus and the lists: the corpus's snapshot, with a digest of the lists if older names come
            first.
        modules: names of modules; the position is the number.
        premises: names of premises before filtering; the position is the number.
        module_at: int32 [len(modules)], the id of each in the corpus, or -1.
        premise_at: int32 [len(premises)], the position of each in the corpus, or -1.
    """

    edition: str
    modules: Sequence[str]
    premises: Sequence[str]
    module_at: npt.NDArray[np.int32]
    premise_at: npt.NDArray[np.int32]

    @classmethod
    def of(cls, corpus: Corpus, before: Published | None = None) -> Numbering:
        """Return the numbering of a corpus that replaces the one with the lists `before`."""
        modules, premises = list(corpus.modules), list(corpus.unfiltered)
        edition = corpus.snapshot
        if before and (before.modules, before.premises) != (modules, premises):
            modules, premises = _extend(before.modules, modules), _extend(before.premises, premises)
            edition += f"-{_digest(modules, premises)}"
        ids, positions = _places(modules, corpus.module_ids), _places(premises, corpus.premise_ids)
        return cls(edition, modules, premises, ids, positions)

    @property
    def published(self) -> Published:
        """The part that clients see."""
        return Published(self.edition, list(self.modules), list(self.premises))


def _extend(known: list[str], names: Iterable[str]) -> list[str]:
    seen = set(known)
    return known + [name for name in dict.fromkeys(names) if name not in seen]


def _digest(*lists: list[str]) -> str:
    text = "\0".join("\n".join(names) for names in lists)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _places(names: Iterable[str], places: Mapping[str, int]) -> npt.NDArray[np.int32]:
    return np.array([places.get(name, -1) for name in names], np.int32)
