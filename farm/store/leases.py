"""What Lean workers and the reaper do with items: claim, finish, give back, renew, reap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson

from farm.models import Proof, Verdict
from farm.store.codec import pack, unpack
from farm.store.connection import RedisClient, translated
from farm.store.scripts import Scripts

LEASE_MS = 15_000
DEATH_BOUND = 3
LAPSE_BOUND = 10
LANE_AGE_BOUND_MS = 60_000


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """One proof of a claim, with how often it was tried before."""

    index: int
    id: str
    proof: Proof
    deaths: int = 0
    lapses: int = 0

    @property
    def attempts(self) -> int:
        """Which run of this proof comes now, from 1."""
        return 1 + self.deaths + self.lapses


@dataclass(frozen=True, slots=True)
class Claim:
    """A chunk of one lane under a lease.

    Attributes:
        options: the batch's options as they were committed, with every default filled in.
        queued_s: seconds between submit and claim.
    """

    lease: str
    lane: str
    batch: str
    options: dict[str, Any]
    queued_s: float
    items: tuple[ClaimedItem, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finish found: the lease's health, and whether interactive work waits."""

    alive: bool
    interactive_waits: bool
    written: int


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What a release or reap left to do: tokens to publish, and items at their bound to settle."""

    tokens: int
    condemned: tuple[int, ...] = ()
    environment: str = ""
    batch: str = ""
    reason: str = ""


def unpack_item(index: int, blob: bytes, deaths: int = 0, lapses: int = 0) -> ClaimedItem:
    """Return the item that was stored at an index."""
    fields = unpack(blob)
    proof = Proof.model_construct(
        id=fields.get("id"), code=fields["code"], statement=fields.get("statement"), problem=fields.get("problem")
    )
    return ClaimedItem(index, proof.id or str(index), proof, deaths, lapses)


class Leases:
    """Claims and leases of one process, over a blocking client."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def claim(self, environment: str, worker: str, *, warm_lane: str = "", most: int = 8) -> Claim | None:
        """Take up to `most` items of one lane, the warm one by preference.

        Returns:
            None when there is nothing to do: the caller's token is then spent.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        lease = uuid4().hex
        with translated():
            reply = self._scripts.run("claim", environment, worker, lease, LEASE_MS, warm_lane, most, LANE_AGE_BOUND_MS)
        if not reply:
            return None
        lane, batch, options, created_ms, now_ms, *items = reply
        return Claim(
            lease=lease,
            lane=lane.decode(),
            batch=batch.decode(),
            options=orjson.loads(options),
            queued_s=max(0.0, (int(now_ms) - int(created_ms)) / 1000),
            items=tuple(unpack_item(int(i), blob, int(deaths), int(lapses)) for i, blob, deaths, lapses in items),
        )

    def finish(self, lease: str, batch: str, verdicts: Sequence[Verdict], *, then: int | None = None) -> Finished:
        """Write verdicts, and mark the item that runs next as the one to charge for a death.

        Raises:
            StoreUnavailable: Redis does not answer; nothing or everything was written.
        """
        rows: list[Any] = []
        for each in verdicts:
            rows += [each.index, each.outcome.value, each.reason.value if each.reason else "", pack(each.dump())]
        with translated():
            reply = self._scripts.run("finish", lease, batch, "" if then is None else then, *rows)
        return Finished(bool(reply[0]), bool(reply[1]), int(reply[2]))

    def release(self, lease: str, indices: Iterable[int]) -> GivenBack:
        """Give items back, uncharged, to the head of their lane."""
        with translated():
            reply = self._scripts.run("release", lease, "free", 0, *indices)
        return GivenBack(tokens=int(reply[1]))

    def charge(self, lease: str, index: int) -> GivenBack:
        """Give an item back because its REPL died under it; it runs alone next time.

        Returns:
            Its index among `condemned` when this was its last death: it is still leased, and has to be finished.
        """
        with translated():
            reply = self._scripts.run("release", lease, "death", DEATH_BOUND, index)
        return GivenBack(tokens=int(reply[1]), condemned=tuple(int(i) for i in reply[2:]))

    def lapsed(self, most: int = 100) -> list[str]:
        """Return leases that ran out, the oldest first."""
        with translated():
            seconds, micros = self._client.time()
            now_ms = seconds * 1000 + micros // 1000
            return [lease.decode() for lease in self._client.zrangebyscore("farm:leases", 0, now_ms, 0, most)]

    def held_by(self) -> dict[str, str]:
        """Return the worker of every live lease, by lease."""
        with translated():
            leases = [lease.decode() for lease in self._client.zrange("farm:leases", 0, -1)]
            pipe = self._client.pipeline(transaction=False)
            for lease in leases:
                pipe.hget(f"farm:lease:{lease}", "worker")
            workers = pipe.execute()
        return {lease: worker.decode() for lease, worker in zip(leases, workers, strict=True) if worker}

    def reap(self, lease: str, *, dead: bool) -> GivenBack | None:
        """Take back what a lapsed lease, or the lease of a process known to be dead, still holds.

        Returns:
            None when the lease was alive or gone.
        """
        with translated():
            reply = self._scripts.run("reap", lease, "death" if dead else "lapse", DEATH_BOUND, LAPSE_BOUND)
        if not reply:
            return None
        tokens, environment, batch, reason, *condemned = reply
        return GivenBack(
            int(tokens), tuple(int(i) for i in condemned), environment.decode(), batch.decode(), reason.decode()
        )

    def items(self, batch: str, indices: Sequence[int]) -> list[ClaimedItem]:
        """Return the stored items at these indices; those of an expired batch are left out."""
        if not indices:
            return []
        with translated():
            blobs = self._client.hmget(f"farm:batch:{batch}:items", [str(i) for i in indices])
        return [unpack_item(i, blob) for i, blob in zip(indices, blobs, strict=True) if blob]

    def cancelling(self) -> list[str]:
        """Return the batches whose remainder is still being worked off; due deadlines are made cancels first."""
        with translated():
            seconds, micros = self._client.time()
            for batch in self._client.zrangebyscore("farm:deadlines", 0, seconds * 1000 + micros // 1000):
                self._scripts.run("cancel", batch)
                self._client.zrem("farm:deadlines", batch)
            return [batch.decode() for batch in self._client.smembers("farm:cancelling")]

    def sweep(self, batch: str, most: int = 1000) -> tuple[str, list[ClaimedItem]]:
        """Lease up to `most` waiting items of a cancelled batch; the caller finishes them as cancelled."""
        lease = uuid4().hex
        with translated():
            reply = self._scripts.run("sweep", batch, lease, LEASE_MS, most)
        return lease, [unpack_item(int(reply[i]), reply[i + 1]) for i in range(0, len(reply), 2)]

    def forget_expired(self, most: int = 1000) -> None:
        """Drop the oldest batches that have expired from the lists of batches."""
        with translated():
            names = [name.decode() for name in self._client.zrange("farm:batches", 0, most - 1)]
            pipe = self._client.pipeline(transaction=False)
            for name in names:
                pipe.exists(f"farm:batch:{name.rpartition('/')[2]}")
            for name, alive in zip(names, pipe.execute(), strict=True):
                if not alive:
                    owner, _, batch = name.rpartition("/")
                    self._client.zrem("farm:batches", name)
                    self._client.zrem(f"farm:batches:{owner}", batch)

    def nudge(self, environment: str, every_ms: int) -> int:
        """Return how many tokens to publish because some got lost."""
        with translated():
            return int(self._scripts.run("nudge", environment, every_ms))
