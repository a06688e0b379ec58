"""Finds out which premises a query may see, and returns them as a bitmap; recent bitmaps are kept for equal queries.

The rules are lean-premise-server's. Modules and local premises come as ids or names, unknown ids and names are ignored,
and a new premise hides the indexed premise of the same name.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from farm.models.premises import NewPremise
from workers.premises.corpus import Corpus
from workers.premises.numbering import Numbering

Names = Sequence[int | str] | None
Ids = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32]

_REMEMBERED = 512
"""How many bitmaps are kept. Each has 29 kB at 230 000 premises, and a training run uses a handful of import lists."""


class Query(Protocol):
    """The fields of a query that decide its answer.

    `farm.models.RetrieveRequest` and `farm.store.retrievals.Retrieval` have these fields.
    """

    @property
    def k(self) -> int:
        """How many premises to return."""

    @property
    def imported_modules(self) -> Names:
        """Accessible modules; if this and `local_premises` are both None, the whole corpus is accessible."""

    @property
    def local_premises(self) -> Names:
        """Premises accessible besides those of `imported_modules`; a number is a position in `Numbering.premises`."""

    @property
    def new_premises(self) -> Sequence[NewPremise]:
        """Premises that the corpus does not know, or knows in another form."""

    @property
    def caller_in_module_system(self) -> bool:
        """Whether the module system hides bodies from the caller."""

    @property
    def imported_all_modules(self) -> Names:
        """Modules whose bodies the module system does not hide."""


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A set of accessible premises; queries that select the same premises share one object.

    Attributes:
        count: how many premises are accessible.
        bitmap: uint8 [ceil(n / 8)], the lowest bit of a byte first; None when all n premises are accessible.
    """

    count: int
    bitmap: npt.NDArray[np.uint8] | None

    @classmethod
    def of(cls, mask: npt.NDArray[np.bool_]) -> Selection:
        """Return the selection of a mask, bool [n]."""
        count = int(mask.sum())
        return cls(count, None if count == len(mask) else np.packbits(mask, bitorder="little"))

    def mask(self, total: int) -> npt.NDArray[np.bool_]:
        """Return which of `total` premises are accessible, bool [total]."""
        if self.bitmap is None:
            return np.ones(total, np.bool_)
        return np.unpackbits(self.bitmap, count=total, bitorder="little").view(np.bool_)

    def ids(self, total: int) -> Ids:
        """Return the accessible positions in ascending order, int64 [count], out of `total` premises."""
        return np.flatnonzero(self.mask(total))


class Selectors:
    """Turns queries into selections; only one thread may use it at a time."""

    def __init__(self, corpus: Corpus, numbering: Numbering) -> None:
        self._corpus = corpus
        self._numbering = numbering
        self._remembered: OrderedDict[bytes, Selection] = OrderedDict()

    def select(self, query: Query) -> Selection:
        """Return the indexed premises with which a query may be answered."""
        access = self._access(query)
        key = access.key()
        selection = self._remembered.get(key)
        if selection is None:
            selection = self._remembered[key] = Selection.of(access.mask(self._corpus))
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return selection

    def _access(self, query: Query) -> _Access:
        corpus = self._corpus
        whole = query.imported_modules is None and query.local_premises is None
        hidden = query.caller_in_module_system
        overridden = (corpus.premise_ids.get(premise.name, -1) for premise in query.new_premises)
        return _Access(
            modules=None if whole else self._modules(query.imported_modules),
            premises=self._premises(query.local_premises),
            imported_all=self._modules(query.imported_all_modules) if hidden else None,
            overridden=np.unique(np.array([id for id in overridden if id >= 0], np.int64)),
        )

    def _modules(self, names: Names) -> Ids:
        ids, others = _split(names, self._numbering.module_at)
        canonical = (name.removesuffix(".lean").replace("/", ".") for name in others)
        return np.concatenate([ids, _known(canonical, self._corpus.module_ids)])

    def _premises(self, names: Names) -> Ids:
        ids, others = _split(names, self._numbering.premise_at)
        return np.concatenate([ids, _known(others, self._corpus.premise_ids)])


@dataclass(frozen=True, slots=True)
class _Access:
    """The modules and premises that a query names, as ids, all of them in range.

    Attributes:
        modules: accessible modules; None means the whole corpus.
        premises: premises accessible in addition to those modules.
        imported_all: modules whose bodies the caller sees; None if the module system hides nothing from the caller.
        overridden: premises that new premises replace.
    """

    modules: Ids | None
    premises: Ids
    imported_all: Ids | None
    overridden: Ids

    def key(self) -> bytes:
        digest = hashlib.blake2b(digest_size=16)
        for ids in (self.modules, self.premises, self.imported_all, self.overridden):
            digest.update(b"-" if ids is None else b"%d:" % len(ids))
            digest.update(b"" if ids is None else ids.tobytes())
        return digest.digest()

    def mask(self, corpus: Corpus) -> npt.NDArray[np.bool_]:
        if self.modules is None:
            mask = np.ones(len(corpus.premises), np.bool_)
        else:
            mask = _in_modules(self.modules, corpus)
            mask[self.premises] = True
        if self.imported_all is not None:
            mask &= corpus.always_visible | _in_modules(self.imported_all, corpus)
        mask[self.overridden] = False
        return mask


def _in_modules(modules: Ids, corpus: Corpus) -> npt.NDArray[np.bool_]:
    wanted = np.zeros(len(corpus.modules), np.bool_)
    wanted[modules] = True
    return wanted[corpus.module_of]


def _split(names: Names, places: npt.NDArray[np.int32]) -> tuple[Ids, Sequence[str]]:
    """Split `names` into clients' numbers and strings; return the corpus's ids for the numbers, and the strings.

    `places` holds the corpus's id for each number, or -1 (see `Numbering`). Numbers without an id are left out.
    """
    names = () if names is None else names
    others: list[str] = []
    try:
        # Most clients send thousands of ids and no names. To put these into an array takes a tenth of the time that a
        # loop takes.
        numbers = np.array(names if isinstance(names, array) else array("q", names), np.int64)  # type: ignore[type-var]
    except (TypeError, OverflowError):
        numbers = np.array([each for each in names if isinstance(each, int) and 0 <= each < len(places)], np.int64)
        others = [each for each in names if isinstance(each, str)]
    ids = places[numbers[(numbers >= 0) & (numbers < len(places))]].astype(np.int64)
    return ids[ids >= 0], others


def _known(names: Iterable[str], ids: Mapping[str, int]) -> Ids:
    return np.array([ids[name] for name in names if name in ids], np.int64)
