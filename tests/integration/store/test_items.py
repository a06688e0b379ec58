"""The scripts of the store on a real Valkey: who may claim what, who is charged, what is never lost or doubled."""

from __future__ import annotations

import asyncio
import time
from array import array

import pytest

from farm.models import NewPremise, Proof, Reason, WorkerKind, verdict
from farm.store.batches import Batches, StagedItem, Staging
from farm.store.connection import connect_async
from farm.store.constants import LAPSE_BOUND
from farm.store.lanes import lane_name
from farm.store.leases import DEATH_BOUND, Leases
from farm.store.registry import Registry
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.running import await_true
from tests.support.store import ENV, assert_settled, cancel, finish, lapse, put, state, take


def enlist(client: OpenStore, workers: str) -> None:
    """Have Lean processes, a letter each, give a sign of life."""
    for worker in workers:
        Registry(client, WorkerKind.LEAN, worker).beat(state="idle", host="h", pid=1)


def test_work_ends_with_every_index_once_and_nothing_left(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 5)
    while claim := leases.claim(ENV, "w", most=2):
        for item in claim.items:
            leases.finish(claim.lease, batch, [verdict(item.id, item.index, reason=None)])

    assert_settled(client, batch, 5)
    assert state(client, batch)["state"] == "done"
    assert client.ttl(f"farm:batch:{batch}:items") > 0, "a finished batch must expire"


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


def test_interactive_work_is_claimed_first_and_seen_between_proofs(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 6, header="import A")
    held = take(leases, most=2)
    quick = put(valkey_url, 1, header="import B", interactive=True)

    assert finish(leases, held).others_first
    assert take(leases, warm=held.lane).batch == quick


def test_from_four_processes_on_one_is_kept_for_interactive_work(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    enlist(client, "abcd")
    put(valkey_url, 100)

    claims = [leases.claim(ENV, worker, most=1) for worker in "abcd"]
    quick = put(valkey_url, 1, interactive=True)

    assert [claim is not None for claim in claims] == [True, True, True, False]
    assert take(leases, "d").batch == quick


def test_a_warm_lane_is_kept_until_another_is_too_old(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 50, header="import A")
    warm = take(leases, most=1).lane
    put(valkey_url, 50, header="import B")

    assert take(leases, most=1, warm=warm).lane == warm
    other = lane_name(ENV, "import B", "me")
    client.zadd(f"farm:ready:{ENV}:batch:me", {other: (time.time() - 3600) * 1000})
    assert take(leases, most=1, warm=warm).lane == other


def test_batches_share_a_lane_by_weight(leases: Leases, valkey_url: str) -> None:
    large, small = put(valkey_url, 300), put(valkey_url, 40)
    eager = put(valkey_url, 300, priority=7)

    served = [take(leases, f"w{i}", most=1).batch for i in range(192)]

    assert served.count(small) == served.count(large) == 32
    assert served.count(eager) == 128


def test_small_batches_end_one_after_the_other(leases: Leases, valkey_url: str) -> None:
    batches = [put(valkey_url, 4) for _ in range(3)]

    served = []
    for _ in range(12):
        claim = take(leases, most=1)
        finish(leases, claim, seconds=0.05)
        served.append(claim.batch)

    assert served == [batch for batch in batches for _ in range(4)]


def test_a_small_batch_behind_large_ones_of_its_own_key_waits_for_their_turns_alone(
    leases: Leases, valkey_url: str
) -> None:
    large = [put(valkey_url, 300) for _ in range(3)]
    finish(leases, take(leases, most=1), seconds=0.05)
    small = put(valkey_url, 4)

    served: list[str] = []
    while served.count(small) < 4:
        claim = take(leases, most=1)
        finish(leases, claim, seconds=0.05)
        served.append(claim.batch)

    assert all(1 <= served.count(each) <= 10 for each in large), "half a second each, of proofs of 50 ms"
    assert served[-4:] == [small] * 4


def test_a_batch_has_its_turn_however_many_come_after_it(leases: Leases, valkey_url: str) -> None:
    steady = put(valkey_url, 200)
    served = []
    for _ in range(60):
        put(valkey_url, 1)
        claim = take(leases, most=1)
        finish(leases, claim, seconds=0.5)
        served.append(claim.batch)

    # What comes is all that can be done, so ever more wait beside it, each for a turn like its own.
    assert served.count(steady) >= 8
    assert steady in served[-15:]


def test_no_token_is_sent_to_the_process_that_is_kept_for_interactive_work(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    enlist(client, "abcd")
    put(valkey_url, 100)
    assert int(client.get(f"farm:tokens:{ENV}")) == 3
    for worker in "abc":
        take(leases, worker, most=1)
    assert [leases.nudge(ENV, 0) for _ in range(2)] == [0, 0], "nor by the reaper"

    put(valkey_url, 1, interactive=True)

    assert int(client.get(f"farm:tokens:{ENV}")) == 4


def test_tokens_are_at_most_the_processes_and_are_spent(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "ab")
    put(valkey_url, 10)
    put(valkey_url, 10)
    assert int(client.get(f"farm:tokens:{ENV}")) == 2

    while leases.claim(ENV, "a", most=100):
        pass

    assert int(client.get(f"farm:tokens:{ENV}")) == 1


def test_lost_tokens_are_replaced_after_two_looks(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "a")
    put(valkey_url, 10)

    assert [leases.nudge(ENV, 0) for _ in range(2)] == [0, 1]
    take(leases, "a")
    assert leases.nudge(ENV, 0) == 0, "the only process is busy"


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


def retrieval(deadline_s: float) -> Retrieval:
    new = [NewPremise(name="a", decl="b")]
    deadline_ms = int((time.time() + deadline_s) * 1000)
    return Retrieval(["goal"], 3, [1, "A.B"], None, array("i", [7, 8]), new, True, "farm:reply:test", deadline_ms)


async def send(url: str, retrievals: list[Retrieval], brief: int = 0) -> None:
    """Submit queries; nobody waits for long for the first of them."""
    client = connect_async(url)
    for at, each in enumerate(retrievals):
        await Retrievals(client).submit(each, 200 if at < brief else 30_000)
    await client.aclose()


def test_queries_keep_their_fields_and_expired_ones_do_not_hide_live_ones(client: OpenStore, valkey_url: str) -> None:
    live = retrieval(10)
    asyncio.run(send(valkey_url, [*(retrieval(10) for _ in range(5)), live], brief=5))
    await_true(lambda: len(client.keys("farm:retrieval:*")) == 1, "the others expire")
    room = Room(client, "embed")

    assert room.take(2) == [(live, b"")]
    assert room.take(2) == []


def test_a_query_that_expired_on_its_way_is_left_out(client: OpenStore, valkey_url: str) -> None:
    gone, live = retrieval(10), retrieval(10)
    asyncio.run(send(valkey_url, [gone, live]))
    Room(client, "embed").take(2)
    client.delete(f"farm:retrieval:{gone.id}")

    Room(client, "embed").pass_on("premises", {gone.id: b"\0" * 4, live.id: b"\1" * 4})

    assert Room(client, "premises").take(2) == [(live, b"\1" * 4)]


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
