"""Which work a claim gets first, and how many tokens are sent for it."""

from __future__ import annotations

import time

import pytest

from farm.store.lanes import lane_name
from farm.store.leases import Leases
from tests.support.enlisting import enlist
from tests.support.open_store import OpenStore
from tests.support.store import ENV, finish, put, state, take


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


@pytest.mark.parametrize("size", [1, 3])
def test_a_large_batch_has_its_share_however_small_those_beside_it_are(
    client: OpenStore, leases: Leases, valkey_url: str, size: int
) -> None:
    large = put(valkey_url, 100)
    finish(leases, take(leases, most=1), seconds=60.0)
    beside = {put(valkey_url, size) for _ in range(3)}

    served_s = {True: 0.0, False: 0.0}
    for _ in range(180):
        claim = take(leases, most=1)
        seconds = 60.0 if claim.batch == large else 10.0
        finish(leases, claim, seconds=seconds)
        served_s[claim.batch == large] += seconds
        beside = {batch for batch in beside if state(client, batch)["state"] != "done"}
        beside |= {put(valkey_url, size) for _ in range(3 - len(beside))}

    assert 0.15 <= served_s[True] / sum(served_s.values()) <= 0.5, "a quarter or a third, as four or three wait"


def test_the_clock_of_a_queue_goes_with_the_queue(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 2)
    put(valkey_url, 1)
    finish(leases, take(leases, most=1), seconds=1.0)
    [clock] = client.keys("farm:clock:*")
    assert client.ttl(clock) > 0, "an older release would leave it behind"

    while claim := leases.claim(ENV, "w"):
        finish(leases, claim, seconds=1.0)

    assert client.keys("farm:clock:*") == []


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
