"""The operations of Lean workers and the reaper on items: claim, finish, give back, reap.

A claim takes items under a lease. A worker finishes an item when it writes the item's verdict. If the worker dies or
the lease lapses, the reaper takes the items back, so that another worker can claim them.
"""

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
    """The process gets no work: its toolchain, policy or checker has been declared bad (`farm revoke`)."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The outcome of `Leases.finish`.

    Attributes:
        alive: whether the lease is still alive.
        others_first: whether the process should make a new claim, because interactive work is waiting, or another owner
            has waited for a long time.
        written: how many verdicts were written; a verdict is not written if its proof has one already.
        tokens: how many tokens the caller has to publish; a token tells a worker that there is work.
        timed: the current value of `Claim.timed`.
        longest_s: the current value of `Claim.longest_s`.
        alarm: whether a canary, a false proof that the farm mixes in, has been accepted. If so, the key is paused, and
            the process must not be trusted.
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
    """The work that is left to the caller after items have been given back or taken back.

    Only `Leases.reap` fills in `environment`, `batch` and `reason`.

    Attributes:
        tokens: how many tokens to publish.
        condemned: the indices of items that must not run again; the caller writes their verdicts.
        environment: the Lean environment of the lease.
        batch: the batch of the lease.
        reason: the reason for the verdicts of the condemned items.
    """

    tokens: int
    condemned: tuple[int, ...] = ()
    environment: str = ""
    batch: str = ""
    reason: str = ""


_COLD = Warmth()
# The replies of the scripts; the head of each script describes its reply.
_Written: TypeAlias = tuple[int, int, int, int, bytes | int, bytes | int, int]
_Released: TypeAlias = tuple[int, int, *tuple[bytes, ...]]
_Reaped: TypeAlias = tuple[int, bytes, bytes, bytes, *tuple[bytes, ...]]


def _given_back(reply: object) -> GivenBack:
    _, tokens, *condemned = cast("_Released", reply)
    return GivenBack(tokens, tuple(map(int, condemned)))


def _kept_as(verdict: Result) -> str:
    """Return how to cache a verdict: `c`, `m`, `n`, or an empty text if no run of the proof ended in a decision.

    `c` means clean: the verdict is valid for any layout of the proof's text. `m` means that the verdict has messages,
    and their positions are valid for this layout only. `n` means that the verdict is not cached.
    """
    if isinstance(verdict, Answer) or verdict.cached or verdict.outcome is Outcome.UNDECIDED:
        return ""
    if verdict.evidence.front:
        return "n"
    return "m" if verdict.messages or verdict.sorries else "c"


class Leases:
    """Claims, finishes, gives back and takes back items, over a blocking client.

    Args:
        client: the store.
        death_bound: an item is condemned when the REPL or process has died this often while the item ran.
        cache_mb: how many MB of Redis memory the cached verdicts may take.
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
        has_token: bool = True,
    ) -> Claim | None:
        """Lease up to `most` items of one lane that have to run.

        If the store meets items whose verdicts it already knows, the claim holds these items too.

        Args:
            environment: the Lean environment.
            worker: the process that claims.
            warmth: what the process has loaded; the store prefers items that can use it.
            most: how many items to take at most; items with a known verdict do not count.
            revision: TOOLCHAIN|POLICY|CHECKER|REVISION of the process; a cached verdict with the same revision answers
                an item.
            in_groups: whether the process may run several items before it writes the first verdict.
            has_token: whether the process holds a token; a process that lingers holds none until work rings for it.

        Returns:
            None if there is nothing to do. The caller's token, if it has one, is then spent.

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
                "1" if has_token else "",
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
        """Write all the verdicts or none, and record which item runs next.

        If the process dies later, the death is charged to the item that was recorded.

        Args:
            lease: the lease under which the proofs ran.
            batch: the proofs' batch.
            verdicts: the verdicts found.
            then: the index of the item that runs next; `ONE_OF_THEM` if several items run before their verdicts are
                written.
            seconds: how long the runs took; this time is charged to the batch and its owner.
            revision: as in `claim`; if a part of the revision has been declared bad, nothing is written.

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
        """Give items back to the head of their lane; they are not charged with a death or a lapse."""
        with translated():
            reply = self._scripts.run("release", lease, "free", 0, 0, *indices)
        return _given_back(reply)

    def defer(self, lease: str, index: int, seconds: float) -> GivenBack:
        """Give back an item that outlasted its time slice.

        The item goes to the end of its lane. Its next run has the item's full time.
        """
        with translated():
            reply = self._scripts.run("release", lease, "slow", 0, seconds, index)
        return _given_back(reply)

    def charge(self, lease: str, index: int, seconds: float = 0.0) -> GivenBack:
        """Give back an item during whose run the REPL died; the item runs alone next time.

        Returns:
            If the item must not run again, `condemned` holds its index. The item then stays leased, and the caller must
            write its verdict with `finish`.
        """
        with translated():
            reply = self._scripts.run("release", lease, "death", self._death_bound, seconds, index)
        return _given_back(reply)

    def lapsed(self, most: int = 100) -> list[str]:
        """Return up to `most` leases that have lapsed, the oldest first."""
        with translated():
            now_ms = in_ms(self._client.time())
            return [lease.decode() for lease in self._client.zrangebyscore("farm:leases", 0, now_ms, 0, most)]

    def held_by(self) -> dict[str, str]:
        """Return each lease with the worker that holds it. A lapsed lease is included until a reaper has ended it."""
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
            None if there is nothing to take back: the lease is still in use, or it has already ended.
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
        """Return the stored items at these indices, without their tasks; empty if the batch has expired."""
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
        """Cancel the batches whose deadline has passed; return all cancelled batches that still lack verdicts."""
        with translated():
            for batch in self._client.zrangebyscore("farm:deadlines", 0, in_ms(self._client.time())):
                self._scripts.run("cancel", batch)
                self._client.zrem("farm:deadlines", batch)
            return [batch.decode() for batch in self._client.smembers("farm:cancelling")]

    def sweep(self, batch: str, most: int = 1000) -> tuple[str, list[UndecidedItem]]:
        """Lease up to `most` waiting items of a cancelled batch; the caller gives them the reason `cancelled`.

        One call looks at some lanes of the batch, and the next call goes on from there. If the list is empty, nothing
        waits in the lanes that the call has looked at.
        """
        lease = uuid4().hex
        with translated():
            reply = cast("list[bytes]", self._scripts.run("sweep", batch, lease, most))
        return lease, [name_item(int(reply[i]), reply[i + 1]) for i in range(0, len(reply), 2)]

    def expire_due(self, most: int = 100) -> int:
        """Free the storage of up to `most` expired batches and staging areas; return how many were freed."""
        with translated():
            now_ms = in_ms(self._client.time())
            due = self._client.zrangebyscore("farm:expiries", 0, now_ms, 0, most)
            return sum(self._scripts.count("expire", batch, "due") for batch in due)

    def nudge(self, environment: str, every_ms: int) -> int:
        """Correct the count of tokens of an environment; return how many tokens to publish in place of lost ones.

        Args:
            environment: the Lean environment.
            every_ms: how many milliseconds each reaper waits between its calls. If a reaper has done this work less
                than `every_ms / 2` ago, the call does nothing and returns 0.
        """
        with translated():
            return self._scripts.count("nudge", environment, every_ms)
