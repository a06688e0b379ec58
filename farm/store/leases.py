"""The operations of Lean workers and the reaper on items: claim, finish, give back, reap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast
from uuid import uuid4

from farm.models import Answer, Outcome, Verdict
from farm.store.claims import Claim, Granted, UndecidedItem, Warmth, name_item, read_claim
from farm.store.client import RedisClient, Value, in_ms
from farm.store.codec import pack
from farm.store.connection import translated
from farm.store.scripts import Scripts

Result: TypeAlias = Verdict | Answer
"""The result that is written for an item."""

DEATH_BOUND = 3


class DeclaredBad(Exception):
    """The toolchain, policy or checker of this process has been declared bad (`farm revoke`), so it gets no work."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome of a finish.

    Attributes:
        alive: whether the lease still holds.
        others_first: whether interactive work is waiting, or another owner has been given nothing for a long time.
        written: how many of the verdicts were the first for their proofs.
        tokens: how many tokens to publish.
        timed: the current value of `Claim.timed`.
        longest_s: the current value of `Claim.longest_s`.
        alarm: whether a canary has been accepted; then the key is paused, and the process must not be trusted.
    """

    alive: bool
    others_first: bool
    written: int
    tokens: int
    timed: int
    longest_s: float
    alarm: bool


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The work left to the caller after a release or reap: tokens to publish, and condemned items to settle."""

    tokens: int
    condemned: tuple[int, ...] = ()
    environment: str = ""
    batch: str = ""
    reason: str = ""


_COLD = Warmth()
# The replies of the scripts, which their heads describe.
_Written: TypeAlias = tuple[int, int, int, int, bytes | int, bytes | int, int]
_Released: TypeAlias = tuple[int, int, *tuple[bytes, ...]]
_Reaped: TypeAlias = tuple[int, bytes, bytes, bytes, *tuple[bytes, ...]]


def _given_back(reply: object) -> GivenBack:
    _, tokens, *condemned = cast("_Released", reply)
    return GivenBack(tokens, tuple(map(int, condemned)))


def _kept_as(verdict: Result) -> str:
    """Return how to cache a verdict: `c` (clean: valid for any layout) or `m` (has messages: for this layout only)."""
    if isinstance(verdict, Answer) or verdict.cached or verdict.outcome is Outcome.UNDECIDED:
        return ""
    if isinstance(verdict, Verdict) and verdict.evidence.front:
        return ""
    return "m" if verdict.messages or verdict.sorries else "c"


class Leases:
    """Claims and leases of one process, over a blocking client.

    Args:
        client: the store.
        death_bound: how many deaths of a REPL or process condemn the item that ran.
        cache_mb: Redis memory for kept verdicts.
    """

    def __init__(self, client: RedisClient, *, death_bound: int = DEATH_BOUND, cache_mb: int = 0) -> None:
        self._client = client
        self._death_bound = death_bound
        self._scripts = Scripts(client)
        self._cache_bytes = cache_mb << 20

    def claim(
        self,
        environment: str,
        worker: str,
        *,
        warmth: Warmth = _COLD,
        most: int = 8,
        revision: str = "",
        in_groups: bool = False,
    ) -> Claim | None:
        """Take up to `most` items to run from one lane, and any items found on the way whose verdict is known.

        Args:
            environment: the Lean environment.
            worker: the process that claims.
            warmth: what the process has loaded; items that can use this are preferred.
            most: the most items without a known verdict to take.
            revision: TOOLCHAIN|POLICY|CHECKER|REVISION; verdicts made under it may be taken over.
            in_groups: whether the process may run several items before it writes the first verdict.

        Returns:
            None when there is nothing to do: the caller's token is then spent.

        Raises:
            DeclaredBad: a part of the revision has been declared bad.
            StoreUnavailable: Redis does not answer.
        """
        lease = uuid4().hex
        with translated():
            reply = self._scripts.run(
                "claim",
                environment,
                worker,
                lease,
                warmth.lane,
                warmth.owner,
                warmth.lead_s,
                most,
                revision,
                "1" if in_groups else "",
            )
        match reply:
            case []:
                return None
            case [bytes(bad)]:
                raise DeclaredBad(f"The {bad.decode()}, by which this worker judges, was declared bad (`farm revoke`)")
        return read_claim(lease, cast("Granted", reply))

    def finish(
        self,
        lease: str,
        batch: str,
        verdicts: Sequence[Result],
        *,
        then: int | str | None = None,
        seconds: float = 0.0,
        revision: str = "",
    ) -> Finished:
        """Write all the verdicts or none, and name the item that is charged if the process then dies.

        Args:
            lease: the lease under which the proofs ran.
            batch: the proofs' batch.
            verdicts: the verdicts found.
            then: the index of the item that runs next; `ONE_OF_THEM` if several items run before their verdicts are
                written.
            seconds: how long the runs took; charged to the batch and its owner.
            revision: as in the claim; if a part of the revision has been declared bad, nothing is written.

        Raises:
            StoreUnavailable: Redis does not answer; either all the verdicts were written or none.
        """
        rows: list[Value] = []
        for each in verdicts:
            reason = each.reason.value if each.reason else ""
            rows += [each.index, str(each.outcome), reason, _kept_as(each), pack(each.dump())]
        run_s = max((v.time_s for v in verdicts if _kept_as(v)), default="")
        head = ["" if then is None else then, seconds, run_s, self._cache_bytes, revision]
        with translated():
            reply = self._scripts.run("finish", lease, batch, *head, *rows)
        alive, waits, written, tokens, timed, longest_s, alarm = cast("_Written", reply)
        return Finished(bool(alive), bool(waits), int(written), int(tokens), int(timed), float(longest_s), bool(alarm))

    def release(self, lease: str, indices: Iterable[int]) -> GivenBack:
        """Give items back, uncharged, to the head of their lane."""
        with translated():
            reply = self._scripts.run("release", lease, "free", 0, 0, *indices)
        return _given_back(reply)

    def defer(self, lease: str, index: int, seconds: float) -> GivenBack:
        """Give back an item that outlasted its slice; it goes to the end of its lane, and then has its full time."""
        with translated():
            reply = self._scripts.run("release", lease, "slow", 0, seconds, index)
        return _given_back(reply)

    def charge(self, lease: str, index: int, seconds: float = 0.0) -> GivenBack:
        """Give back an item whose REPL died while running it; the item runs alone next time.

        Returns:
            `condemned` holds the index if the item must not run again. The item then stays leased, and the caller must
            finish it.
        """
        with translated():
            reply = self._scripts.run("release", lease, "death", self._death_bound, seconds, index)
        return _given_back(reply)

    def lapsed(self, most: int = 100) -> list[str]:
        """Return leases that have run out, the oldest first."""
        with translated():
            now_ms = in_ms(self._client.time())
            return [lease.decode() for lease in self._client.zrangebyscore("farm:leases", 0, now_ms, 0, most)]

    def held_by(self) -> dict[str, str]:
        """Return the worker of every live lease, by lease."""
        with translated():
            leases = [lease.decode() for lease in self._client.zrange("farm:leases", 0, -1)]
            pipe = self._client.pipeline(transaction=False)
            for lease in leases:
                pipe.hget(f"farm:lease:{lease}", "worker")
            workers = cast("list[bytes | None]", pipe.execute())
        return {lease: worker.decode() for lease, worker in zip(leases, workers, strict=True) if worker}

    def reap(self, lease: str, *, dead: bool) -> GivenBack | None:
        """Take back the items of a lease that has lapsed or whose process is known to be dead.

        Returns:
            None when the lease is still alive, or is gone.
        """
        with translated():
            reply = self._scripts.run("reap", lease, "death" if dead else "lapse", self._death_bound)
        if not reply:
            return None
        tokens, environment, batch, reason, *condemned = cast("_Reaped", reply)
        return GivenBack(
            tokens, tuple(int(i) for i in condemned), environment.decode(), batch.decode(), reason.decode()
        )

    def items(self, batch: str, indices: Sequence[int]) -> list[UndecidedItem]:
        """Return the stored items at these indices; those of an expired batch are left out."""
        if not indices:
            return []
        b = f"farm:batch:{batch}"
        with translated():
            pipe = self._client.pipeline(transaction=False)
            pipe.hmget(f"{b}:items", [str(i) for i in indices])
            for charge in ("death", "lapse"):
                pipe.hmget(f"{b}:history", [f"{charge}:{i}" for i in indices])
            found = zip(indices, *cast("list[list[bytes | None]]", pipe.execute()), strict=True)
        return [name_item(i, blob, int(deaths or 0), int(lapses or 0)) for i, blob, deaths, lapses in found if blob]

    def cancelling(self) -> list[str]:
        """Cancel the batches whose deadline has passed; return all cancelled batches that still need verdicts."""
        with translated():
            for batch in self._client.zrangebyscore("farm:deadlines", 0, in_ms(self._client.time())):
                self._scripts.run("cancel", batch)
                self._client.zrem("farm:deadlines", batch)
            return [batch.decode() for batch in self._client.smembers("farm:cancelling")]

    def sweep(self, batch: str, most: int = 1000) -> tuple[str, list[UndecidedItem]]:
        """Lease up to `most` waiting items of a cancelled batch; the caller finishes them as cancelled."""
        lease = uuid4().hex
        with translated():
            reply = cast("list[bytes]", self._scripts.run("sweep", batch, lease, most))
        return lease, [name_item(int(reply[i]), reply[i + 1]) for i in range(0, len(reply), 2)]

    def expire_due(self, most: int = 100) -> int:
        """Free the storage of batches whose retention has ended; return how many batches there were."""
        with translated():
            now_ms = in_ms(self._client.time())
            due = self._client.zrangebyscore("farm:expiries", 0, now_ms, 0, most)
            return sum(self._scripts.count("expire", batch, "due") for batch in due)

    def nudge(self, environment: str, every_ms: int) -> int:
        """Return how many tokens to publish in place of lost ones."""
        with translated():
            return self._scripts.count("nudge", environment, every_ms)
