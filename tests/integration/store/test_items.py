"""How the items of a batch are finished, charged, given back and swept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from farm.errors import StoreUnavailable
from farm.models import Proof, Reason, WorkerKind, verdict
from farm.store.batches import Batches
from farm.store.connection import connect_async
from farm.store.constants import LAPSE_BOUND
from farm.store.lanes import lane_name
from farm.store.leases import DEATH_BOUND, Leases
from farm.store.registry import Registry
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore
from tests.support.proxy import Link, proxied
from tests.support.store import ENV, assert_settled, cancel, finish, lapse, put, state, take


def test_work_ends_with_every_index_once_and_nothing_left(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 5)
    while claim := leases.claim(ENV, "w", most=2):
        for item in claim.items:
            leases.finish(claim.lease, batch, [verdict(item.id, item.index, reason=None)])

    assert_settled(client, batch, 5)
    assert state(client, batch)["state"] == "done"
    assert client.ttl(f"farm:batch:{batch}:items") > 0, "a finished batch must expire"


def test_others_get_their_turn_while_the_items_of_large_proofs_are_made(valkey_url: str) -> None:
    turns: list[int] = []

    async def stage() -> None:
        async def count() -> None:
            while True:
                turns.append(0)
                await asyncio.sleep(0)

        def entries() -> Iterator[StagedItem]:
            for _ in range(3):
                seen.add(len(turns))
                # As long as it takes to read a large text; how long that is depends on the machine.
                time.sleep(0.05)
                yield StagedItem("lane", Proof(code="theorem a : 1 = 1 := rfl"))

        seen: set[int] = set()
        async with connect_async(valkey_url) as client:
            other = asyncio.create_task(count())
            await Batches(client).stage(Staging("me"), entries())
            other.cancel()
        assert len(seen) == 3

    asyncio.run(stage())


def test_a_batch_counts_its_reasons_without_its_canaries(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 4, canaries=1, canaries_at=0)
    for reason in (Reason.ERROR, Reason.TIMEOUT, Reason.ERROR, None, Reason.ERROR):
        finish(leases, take(leases, most=1), reason)

    async def reasons() -> dict[str, int]:
        async with connect_async(valkey_url) as found:
            return (await Batches(found).status(batch, "me")).reasons

    assert asyncio.run(reasons()) == {"error": 2, "timeout": 1}


def test_a_submission_whose_reply_got_lost_waits_once_and_counts_once(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 1)
    finish(leases, take(leases))
    lost: list[Link] = []

    def lose_first(link: Link) -> bool:
        if b"proof 0" in link.sent and not lost:
            lost.append(link)
            link.cut_after = 0
        return False

    with proxied(valkey_url) as (proxy, through):
        proxy.hush = lose_first
        batch = put(through, 5)
    assert lost
    assert client.hget("farm:usage", "items") == b"5"
    while claim := leases.claim(ENV, "w"):
        for item in claim.items:
            leases.finish(claim.lease, batch, [verdict(item.id, item.index, reason=None)])

    assert_settled(client, batch, 5)


def test_an_alarm_whose_reply_got_lost_is_given_again(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 2, canaries=1, canaries_at=0)
    canary = take(leases)

    first, again = finish(leases, canary), finish(leases, canary)

    assert (first.alarm, again.alarm) == (True, True)
    assert (first.written, again.written) == (1, 0)
    assert client.hget("farm:counters", "canaries_accepted") == b"1"


def test_the_first_writer_wins_and_a_late_undecided_is_dropped(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 1)
    slow = take(leases, "slow")
    lapse(client, slow)
    leases.reap(slow.lease, dead=False)

    late = finish(leases, slow, Reason.TIMEOUT)
    quick = take(leases, "quick")
    assert finish(leases, quick, Reason.ERROR).written == 1
    later = finish(leases, slow)

    assert (late.alive, late.written, later.written) == (False, 0, 0)
    assert state(client, batch)["rejected"] == "1"
    assert quick.items[0].lapses == 1
    assert_settled(client, batch, 1)


def test_a_late_decision_counts_when_nobody_else_decided(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 1)
    slow = take(leases, "slow")
    lapse(client, slow)
    leases.reap(slow.lease, dead=False)

    assert finish(leases, slow).written == 1

    assert leases.claim(ENV, "other") is None, "what is decided must not run again"
    assert_settled(client, batch, 1)


def test_only_what_ran_is_charged_for_a_death_and_runs_alone(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 8)
    claim = take(leases, most=4)
    ran = claim.items[0].index

    leases.reap(claim.lease, dead=True)

    again = take(leases, most=4)
    assert [item.index for item in again.items] == [ran], "a charged item runs alone"
    assert again.items[0].deaths == 1
    neighbours = take(leases, most=8)
    assert all(item.deaths == item.lapses == 0 for item in neighbours.items)


def test_the_third_death_condemns_and_the_item_cannot_get_lost(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 1)
    for _ in range(DEATH_BOUND - 1):
        back = leases.reap(take(leases).lease, dead=True)
        assert back is not None
        assert not back.condemned
    claim = take(leases)

    first = leases.reap(claim.lease, dead=True)
    second = leases.reap(claim.lease, dead=True)  # the reaper died before it settled it, and comes again

    assert first is not None
    assert second is not None
    assert first.condemned == second.condemned == (0,)
    assert first.reason == "crashed"
    assert leases.claim(ENV, "w") is None, "a condemned item must not run a fourth time"
    finish(leases, claim, Reason.CRASHED)
    assert_settled(client, batch, 1)


def test_lapses_count_apart_from_deaths(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1)
    for _ in range(LAPSE_BOUND - 1):
        claim = take(leases)
        lapse(client, claim)
        back = leases.reap(claim.lease, dead=False)
        assert back is not None
        assert not back.condemned
    claim = take(leases)
    assert (claim.items[0].deaths, claim.items[0].lapses) == (0, LAPSE_BOUND - 1)
    lapse(client, claim)

    back = leases.reap(claim.lease, dead=False)

    assert back is not None
    assert (back.condemned, back.reason) == ((0,), "farm_error")


def test_a_sign_of_life_does_not_bring_a_lapsed_lease_back(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    """Its process may have been told already that it is gone, and would never return to it."""
    put(valkey_url, 2)
    claim = take(leases)
    lapse(client, claim)
    assert not finish(leases, claim).alive

    alive = Registry(client, WorkerKind.LEAN, "w").beat(lease=claim.lease, host="h", pid=1)

    assert not alive.lease_alive
    assert leases.lapsed() == [claim.lease]


def test_a_live_lease_is_not_reaped(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1)
    claim = take(leases)

    assert leases.lapsed() == []
    assert leases.reap(claim.lease, dead=False) is None


def test_a_release_charges_nothing_and_keeps_the_order(leases: Leases, valkey_url: str, client: OpenStore) -> None:
    put(valkey_url, 8)
    claim = take(leases, most=4)
    indices = [item.index for item in claim.items]

    leases.release(claim.lease, indices)

    again = take(leases, most=4)
    assert [item.index for item in again.items] == indices
    assert all(item.deaths == item.lapses == 0 for item in again.items)


def test_a_cancelled_batch_starts_nothing_and_is_swept(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 10)
    held = take(leases, most=1)
    cancel(valkey_url, batch)

    assert leases.claim(ENV, "w") is None
    leases.release(held.lease, [item.index for item in held.items])
    assert leases.claim(ENV, "w") is None, "what comes back must not start either"
    assert leases.cancelling() == [batch]
    while swept := leases.sweep(batch, most=3)[1]:
        [lease] = [key.decode().rpartition(":")[2] for key in client.keys("farm:lease:*") if b":items" not in key]
        found = [verdict(item.id, item.index, reason=Reason.CANCELLED) for item in swept]
        leases.finish(lease, batch, found)

    assert_settled(client, batch, 10)
    assert state(client, batch)["state"] == "cancelled"


def test_a_staging_that_is_not_committed_leaves_no_trace(client: OpenStore, valkey_url: str) -> None:
    async def stage() -> None:
        connection = connect_async(valkey_url)
        batches, staging = Batches(connection), Staging("me")
        await batches.stage(staging, [StagedItem(lane_name(ENV, "", "me"), Proof(code=f"{i}")) for i in range(1200)])
        assert all(client.ttl(key) > 0 for key in client.keys("farm:[bp][ae]*")), "a staging nobody commits must expire"
        await batches.discard(staging)
        await connection.aclose()

    asyncio.run(stage())

    assert client.keys("*") == []


@pytest.mark.parametrize("loss", ["an item", "everything"])
def test_a_staging_of_which_the_store_has_lost_a_part_becomes_no_batch(
    client: OpenStore, valkey_url: str, loss: str
) -> None:
    async def commit() -> None:
        connection = connect_async(valkey_url)
        batches, staging = Batches(connection), Staging("me")
        await batches.stage(staging, [StagedItem(lane_name(ENV, "", "me"), Proof(code=f"{i}")) for i in range(3)])
        if loss == "an item":  # as a failover does
            client.hdel(f"farm:batch:{staging.batch}:items", "2")
        else:  # as the API does after a commit that seemed to fail
            await batches.discard(staging)
        try:
            with pytest.raises(StoreUnavailable, match="send it again"):
                await batches.commit(staging, NewBatch(ENV, {}, 100, idempotency_key="once"))
        finally:
            await connection.aclose()

    asyncio.run(commit())

    assert client.keys("*") == [], "a batch that can never end"


def test_who_slept_past_its_lease_cannot_say_timeout_before_the_reaper_has_been_there(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 2)
    slow = take(leases, "slow", most=1)
    lapse(client, slow)

    late = finish(leases, slow, reason=Reason.TIMEOUT)
    leases.reap(slow.lease, dead=False)

    assert (late.alive, late.written) == (False, 0)
    while claim := leases.claim(ENV, "quick", most=1):
        finish(leases, claim)
    assert state(client, batch)["accepted"] == "2"
    assert_settled(client, batch, 2)


def test_a_lease_that_outlives_its_batch_brings_nothing_back(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 1)
    slow = take(leases, "slow")
    lapse(client, slow)
    finish(leases, slow)  # decided late: the lease stays until the reaper comes, and the batch expires before it does
    for key in client.keys(f"farm:batch:{batch}*"):
        client.delete(key)

    leases.reap(slow.lease, dead=False)

    put(valkey_url, 1)
    assert take(leases).batch != batch


@pytest.mark.parametrize("dead", [False, True])
def test_what_is_decided_is_charged_no_more(client: OpenStore, leases: Leases, valkey_url: str, dead: bool) -> None:
    batch = put(valkey_url, 1)
    slow = take(leases, "slow")
    lapse(client, slow)
    finish(leases, slow)  # decided late: the batch is done, and its keys have their end

    leases.reap(slow.lease, dead=dead)

    assert_settled(client, batch, 1)
    assert {key for key in client.keys(f"farm:batch:{batch}*") if client.ttl(key) == -1} == set()


def test_a_condemned_item_knows_its_attempts(leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 1)
    for _ in range(DEATH_BOUND):
        leases.reap(take(leases).lease, dead=True)

    [item] = leases.items(batch, [0])

    assert item.deaths == DEATH_BOUND
