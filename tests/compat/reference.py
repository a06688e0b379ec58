"""What a premise server must answer, from the data set and plain sets, without any of the code under test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tests.compat.corpus import DataSet, vector_of

MAX_K = 1024
MAX_NEW_PREMISES = 2048
Ranking = list[tuple[float, str]]


class Reference:
    """Answers bodies of `POST /retrieve` by brute force."""

    def __init__(self, data_set: DataSet) -> None:
        self._data = data_set
        self._kept = data_set.kept
        self._position = {each.name: at for at, each in enumerate(self._kept)}

    def answer(self, body: dict[str, Any]) -> Ranking:
        k = min(body["k"], MAX_K)
        return self.whole(body)[:k] if k > 0 else []

    def whole(self, body: dict[str, Any]) -> Ranking:
        """Return the answer with an endless k."""
        new = (body.get("new_premises") or [])[:MAX_NEW_PREMISES]
        positions = self._accessible(body, {premise["name"] for premise in new})
        state = vector_of(body["state"]).astype(np.float64)
        scores = (self._data.vectors[positions].astype(np.float64) @ state).astype(np.float32)
        indexed = [(float(score), self._kept[at].name) for score, at in zip(scores, positions, strict=True)]
        added = [(float(np.float32(vector_of(each["decl"]) @ state)), each["name"]) for each in new]
        return sorted(indexed + added, key=lambda pair: -pair[0])

    def _accessible(self, body: dict[str, Any], overridden: set[str]) -> list[int]:
        """Return positions among the kept declarations, descending: so they stand where scores are equal."""
        modules, local = body.get("imported_modules"), body.get("local_premises")
        names = {each.name for each in self._kept}
        if modules is not None or local is not None:
            imported = self._modules(modules)
            names = {each.name for each in self._kept if each.module in imported} | self._local(local)
        if body.get("caller_in_module_system"):
            whole = self._modules(body.get("imported_all_modules"))
            names &= {each.name for each in self._kept if each.is_open or each.module in whole}
        return sorted((self._position[name] for name in names - overridden), reverse=True)

    def _modules(self, given: Iterable[int | str] | None) -> set[str]:
        known = dict(enumerate(self._data.modules))
        return {
            known.get(each, "") if isinstance(each, int) else each.removesuffix(".lean").replace("/", ".")
            for each in given or ()
        }

    def _local(self, given: Iterable[int | str] | None) -> set[str]:
        known = {at: each.name for at, each in enumerate(self._data.declared)}
        names = {known.get(each, "") if isinstance(each, int) else each for each in given or ()}
        return {name for name in names if name in self._position}
