"""Revocation of verdicts.

An operator declares a version of a toolchain, policy or checker bad. Workers that use this version then get no more
work, and the verdicts that rest on it can be found and marked as revoked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from farm.store.cache import purge_cache
from farm.store.client import RedisClient, Value, in_ms
from farm.store.codec import Json, pack, unpack
from farm.store.connection import translated
from farm.store.constants import FIRST_CANARY
from farm.store.scripts import Scripts

_SLICE = 500
_CANARY = "canary accepted"
_DECIDED = ("accepted", "rejected")


class Basis(StrEnum):
    """The kinds of version on which a verdict rests."""

    TOOLCHAIN = "toolchain"
    POLICY = "policy"
    CHECKER = "checker"


@dataclass(frozen=True, slots=True)
class Bad:
    """A version that has been declared bad.

    Attributes:
        basis: the kind of the version.
        version: the version of Lean or of the policy, or the name and version of a checker.
    """

    basis: Basis
    version: str

    def __str__(self) -> str:
        return f"{self.basis} {self.version}"

    def covers(self, fields: Json) -> bool:
        """Whether a stored verdict rests on this version. Undecided verdicts rest on no version."""
        if fields["outcome"] not in _DECIDED:
            return False
        evidence = fields.get("evidence") or {}
        checker = evidence.get("checker") or {}
        found = {
            Basis.TOOLCHAIN: fields["environment"].get("lean_version"),
            Basis.POLICY: evidence.get("policy"),
            Basis.CHECKER: checker.get("version"),
        }
        return bool(found[self.basis] == self.version)


@dataclass(frozen=True, slots=True)
class Affected:
    """A verdict that rests on a version that has been declared bad."""

    owner: str
    batch: str
    index: int
    id: str
    outcome: str
    level: str


class Revocation:
    """Declares versions bad, and finds and marks the verdicts that rest on them, over a blocking client."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def declare(self, bad: Bad) -> None:
        """Declare a version bad.

        Workers that use this version get no more work. Other workers repeat the runs that these workers have begun.
        """
        with translated():
            self._client.hsetnx("farm:revoked", f"{bad.basis}:{bad.version}", in_ms(self._client.time()))

    def withdraw(self, bad: Bad) -> bool:
        """Allow a version again; return whether it had been declared bad. The marks on verdicts stay."""
        with translated():
            return bool(self._client.hdel("farm:revoked", f"{bad.basis}:{bad.version}"))

    def declared(self) -> list[Bad]:
        """Return the versions that are declared bad."""
        with translated():
            names = [name.decode().partition(":") for name in self._client.hkeys("farm:revoked")]
        return sorted((Bad(Basis(basis), version) for basis, _, version in names), key=str)

    def find(self, bad: Bad, *, mark: bool) -> Iterator[Affected]:
        """Yield the verdicts that rest on a bad version and are not revoked yet.

        Args:
            bad: the version.
            mark: whether to mark these verdicts too. In a marked verdict, `revoked` says why, and the reward is None.
        """
        with translated():
            names = [name.decode().rpartition("/") for name in self._client.zrange("farm:batches", 0, -1)]
        for owner, _, batch in names:
            for rows in self._results(batch):
                found = {index: (old, fields) for index, old, fields in rows if bad.covers(fields)}
                if mark and found:
                    self._mark(batch, found, str(bad))
                for index, (_, fields) in found.items():
                    yield Affected(owner, batch, index, fields["id"], fields["outcome"], fields["level"])

    def mark_suspects(self) -> int:
        """Mark the accepted verdicts of the batches in which a canary was accepted; return how many there were.

        All cached verdicts are deleted too. Some of them may come from the process that accepted the canary, but it is
        not known which ones, and the cache would go on giving them to every owner.
        """
        with translated():
            batches = [batch.decode() for batch in self._client.smembers("farm:suspects")]
        if batches:
            purge_cache(self._client)
        return sum(self._mark_suspect(batch) for batch in batches)

    def _mark_suspect(self, batch: str) -> int:
        marked = 0
        for rows in self._results(batch):
            found = {index: (old, fields) for index, old, fields in rows if fields["outcome"] == "accepted"}
            if found:
                self._mark(batch, found, _CANARY)
            marked += len(found)
        # Only now: if the process that marks the batch dies, the batch has to stay a suspect.
        with translated():
            self._client.srem("farm:suspects", batch)
        return marked

    def _results(self, batch: str) -> Iterator[list[tuple[int, bytes, Json]]]:
        """Yield the verdicts of a batch that are not revoked, many at a time, as (index, stored form, fields)."""
        cursor = 0
        while True:
            with translated():
                cursor, rows = self._client.hscan(f"farm:batch:{batch}:results", cursor, count=_SLICE)
            read = [(int(index), blob, unpack(blob)) for index, blob in rows.items()]
            yield [row for row in read if row[0] < FIRST_CANARY and not row[2].get("revoked")]
            if not cursor:
                return

    def _mark(self, batch: str, found: dict[int, tuple[bytes, Json]], why: str) -> None:
        rows: list[Value] = []
        for index, (old, fields) in found.items():
            rows += [index, old, pack({**fields, "reward": None, "revoked": why})]
        with translated():
            self._scripts.run("mark", batch, *rows)
