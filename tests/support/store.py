"""Batches put into a real Valkey, claimed and finished, without an API or a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from farm.errors import FarmError
from farm.models import Proof, Reason, verdict
from farm.store.batches import Batches
from farm.store.claims import Claim, Warmth
from farm.store.connection import connect_async
from farm.store.lanes import lane_name
from farm.store.leases import Finished, Leases
from farm.store.quotas import Quotas
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore

ENV = "default"


def put(
    url: str,
    count: int = 3,
    header: str = "",
    owner: str = "me",
    *,
    priority: int = 5,
    marks: Sequence[str] = (),
    headers: Sequence[str] = (),
    quotas: Quotas | None = None,
    environment: str = ENV,
    canaries: int = 0,
    canaries_at: int | None = None,
    **more: Any,
) -> str:
    """Commit a batch of proofs of one header; returns its id.

    Args:
        url: the Valkey's URL.
        count: how many proofs the batch has.
        header: their header.
        owner: the owner of the batch.
        priority: the batch's priority.
        marks: a fingerprint for each proof, from `mark`; if empty, no proof has one.
        headers: a header for each proof; if empty, all have `header`.
        quotas: what the owner may store.
        environment: the environment in which they are to run.
        canaries: how many false proofs are mixed in.
        canaries_at: how many proofs come before the false ones; None means all.
        more: fields of `Submission`.
    """

    async def commit() -> str:
        client = connect_async(url)
        batches, staging = Batches(client, quotas), Staging(owner)
        lane = lane_name(environment, header, owner)
        lanes = [lane_name(environment, each, owner) for each in headers] or [lane] * count
        entries = [StagedItem(lanes[i], Proof(code=f"proof {i}"), marks[i] if marks else "") for i in range(count)]
        place = count if canaries_at is None else canaries_at
        entries[place:place] = [StagedItem(lane, Proof(code="canary"), is_canary=True)] * canaries
        submission = {"retention_s": 100, "options": {"priority": priority, "timeout_s": 1.0}, **more}
        try:
            await batches.stage(staging, entries)
            return (await batches.commit(staging, NewBatch(environment=environment, **submission))).batch
        except FarmError:
            await batches.discard(staging)
            raise
        finally:
            await client.aclose()

    return asyncio.run(commit())


def mark(question: str, layout: str = "") -> str:
    """Return the fingerprint of a question in some layout."""
    return sha256(question.encode()).hexdigest() + sha256(layout.encode()).hexdigest()[:16]


def cancel(url: str, batch: str, owner: str = "me") -> None:
    """Cancel a batch."""

    async def run() -> None:
        client = connect_async(url)
        await Batches(client).cancel(batch, owner)
        await client.aclose()

    asyncio.run(run())


def state(client: OpenStore, batch: str) -> dict[str, str]:
    """Return a batch's record."""
    return {k.decode(): v.decode() for k, v in client.hgetall(f"farm:batch:{batch}").items()}


def take(
    leases: Leases,
    worker: str = "w",
    most: int = 8,
    warm: str = "",
    owner: str = "",
    load_s: float = 0,
    environment: str = ENV,
) -> Claim:
    """Claim a chunk; fail if there is none."""
    claim = leases.claim(environment, worker, most=most, warmth=Warmth(warm, owner, load_s), revision="v4|1|r")
    assert claim is not None
    return claim


def finish(leases: Leases, claim: Claim, reason: Reason | None = None, **more: Any) -> Finished:
    """Give the first item of a claim its verdict."""
    first, then, seconds = claim.items[0], more.pop("then", None), more.pop("seconds", 0.0)
    found = verdict(first.id, first.index, reason=reason, **more)
    return leases.finish(claim.lease, claim.batch, [found], then=then, seconds=seconds)


def lapse(client: OpenStore, claim: Claim) -> None:
    """Let a lease run out now."""
    client.zadd("farm:leases", {claim.lease: 1})


def assert_settled(client: OpenStore, batch: str, total: int) -> None:
    """Assert that counters, results and stream agree, and that nothing of the batch waits or is held."""
    record = state(client, batch)
    assert int(record["done"]) == total == client.hlen(f"farm:batch:{batch}:results")
    assert sum(int(record[name]) for name in ("accepted", "rejected", "undecided")) == total
    stream = [int(fields[b"i"]) for _, fields in client.xrange(f"farm:batch:{batch}:finished")]
    assert sorted(stream) == list(range(total))
    counts = client.hgetall(f"farm:counts:{ENV}")
    assert {name: int(value) for name, value in counts.items()} in ({b"pending": 0}, {b"pending": 0, b"leased": 0})
    assert not client.keys("farm:pending:*")
    assert not client.keys("farm:lease:*")
    for pattern in ("ready:*", "owners:*", "queue:*", "parked:*", "flight:*", f"batch:{batch}:parked"):
        assert not client.keys(f"farm:{pattern}")
