"""The numbers by which clients name modules and premises.

A client fetches the lists of names once and sends positions in them for as long as it runs, without saying which lists
it has. So names are only ever added to a list. When the corpus is replaced, every name keeps its number, a name that is
no longer in the corpus selects nothing, and new names come last.
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
        edition: names the corpus and these lists together. It is the corpus's snapshot. If the lists begin with the
            names of an older corpus, a digest of the lists follows the snapshot.
        modules: names of modules; a module's number is its position.
        premises: names of premises before filtering; a premise's number is its position.
        module_at: int32 [len(modules)], the id of each module in the corpus, or -1.
        premise_at: int32 [len(premises)], the position of each premise in the corpus, or -1.
    """

    edition: str
    modules: Sequence[str]
    premises: Sequence[str]
    module_at: npt.NDArray[np.int32]
    premise_at: npt.NDArray[np.int32]

    @classmethod
    def of(cls, corpus: Corpus, before: Published | None = None) -> Numbering:
        """Return the numbering of a corpus that replaces the corpus whose lists are `before`."""
        modules, premises = list(corpus.modules), list(corpus.unfiltered)
        edition = corpus.snapshot
        if before and (before.modules, before.premises) != (modules, premises):
            modules, premises = _extend(before.modules, modules), _extend(before.premises, premises)
            edition += f"-{_digest(modules, premises)}"
        ids, positions = _places(modules, corpus.module_ids), _places(premises, corpus.premise_ids)
        return cls(edition, modules, premises, ids, positions)

    @property
    def published(self) -> Published:
        """The part of the numbering that clients see."""
        return Published(self.edition, list(self.modules), list(self.premises))


def _extend(known: list[str], names: Iterable[str]) -> list[str]:
    seen = set(known)
    return known + [name for name in dict.fromkeys(names) if name not in seen]


def _digest(*lists: list[str]) -> str:
    text = "\0".join("\n".join(names) for names in lists)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _places(names: Iterable[str], places: Mapping[str, int]) -> npt.NDArray[np.int32]:
    return np.array([places.get(name, -1) for name in names], np.int32)
