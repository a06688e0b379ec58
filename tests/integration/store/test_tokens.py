"""The store's estimate of tokens, which cannot be counted: it is soon right again after any wrong value."""

from __future__ import annotations

from contextlib import closing

import pytest

from farm.store.leases import Leases
from tests.support.enlisting import enlist
from tests.support.open_store import OpenStore, open_store
from tests.support.proxy import proxied
from tests.support.running import await_true
from tests.support.store import ENV, cancel, finish, put, take

WRONG = ("-1000", "0", "1000", "nonsense")


def believed(client: OpenStore) -> int:
    return int(client.get(f"farm:tokens:{ENV}"))


@pytest.mark.parametrize("wrong", WRONG)
def test_where_work_waits_and_processes_idle_they_get_tokens(
    client: OpenStore, leases: Leases, valkey_url: str, wrong: str
) -> None:
    enlist(client, "ab")
    put(valkey_url, 10)
    client.set(f"farm:tokens:{ENV}", wrong)

    assert [leases.nudge(ENV, 0) for _ in range(2)] == [0, 2]

    assert believed(client) == 2


@pytest.mark.parametrize("wrong", WRONG)
def test_where_all_work_no_more_tokens_are_sent_than_processes(
    client: OpenStore, leases: Leases, valkey_url: str, wrong: str
) -> None:
    enlist(client, "ab")
    put(valkey_url, 100)
    for worker in "ab":
        take(leases, worker, most=1)
    client.set(f"farm:tokens:{ENV}", wrong)

    leases.nudge(ENV, 0)
    assert believed(client) == 2
    put(valkey_url, 100)

    assert believed(client) == 2


@pytest.mark.parametrize("wrong", WRONG)
def test_where_nothing_waits_the_next_batch_finds_its_tokens(
    client: OpenStore, leases: Leases, valkey_url: str, wrong: str
) -> None:
    enlist(client, "ab")
    put(valkey_url, 1)
    finish(leases, take(leases, "a"))
    client.set(f"farm:tokens:{ENV}", wrong)

    assert leases.nudge(ENV, 0) == 0
    assert believed(client) == 0
    put(valkey_url, 10)

    assert believed(client) == 2


def test_work_is_seen_whatever_its_count_says(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "ab")
    # What an earlier release left behind when a connection broke during a submission.
    client.hset(f"farm:counts:{ENV}", "pending", -15)
    for header in ("", "import A"):
        put(valkey_url, 5, header)

    assert [leases.nudge(ENV, 0) for _ in range(2)] == [0, 2]

    assert client.hget(f"farm:counts:{ENV}", "pending") == b"10"


def counted(client: OpenStore) -> int:
    return int(client.hget(f"farm:counts:{ENV}", "pending"))


def test_a_count_of_what_waits_is_lowered_when_nothing_waits(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    enlist(client, "ab")
    put(valkey_url, 2)
    client.hincrby(f"farm:counts:{ENV}", "pending", 5)
    assert [leases.nudge(ENV, 0), counted(client)] == [0, 7], "work waits"
    while claim := leases.claim(ENV, "a", most=1):
        finish(leases, claim)
    assert counted(client) == 5

    assert leases.nudge(ENV, 0) == 0

    assert counted(client) == 0
    assert believed(client) == 0


def test_the_count_stays_while_a_key_is_paused(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "ab")
    client.hset("farm:paused", "me", "a batch")
    put(valkey_url, 5)

    leases.nudge(ENV, 0)

    assert counted(client) == 5


def test_the_count_stays_until_a_cancelled_batch_is_swept(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "ab")
    cancel(valkey_url, put(valkey_url, 5))

    leases.nudge(ENV, 0)

    assert counted(client) == 5


def test_killed_processes_do_not_stay_on_the_lists(client: OpenStore, leases: Leases) -> None:
    enlist(client, "abc")
    for key in ("farm:workers", f"farm:workers:{ENV}"):
        client.zadd(key, {"a": 1, "b": 1})

    leases.nudge(ENV, 0)

    assert client.zrange("farm:workers", 0, -1) == client.zrange(f"farm:workers:{ENV}", 0, -1) == [b"c"]


def test_the_second_look_may_be_late(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "a")
    put(valkey_url, 10)
    assert leases.nudge(ENV, 1) == 0

    client.set("a-while", 1, px=100)
    await_true(lambda: not client.exists("a-while"), "a hundred times what lies between two looks")

    assert leases.nudge(ENV, 1) == 1


def test_looks_of_several_hosts_at_once_are_one(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "a")
    put(valkey_url, 10)

    assert [leases.nudge(ENV, 60_000) for _ in range(8)] == [0] * 8


def test_a_claim_whose_reply_is_cut_is_taken_back_at_once(client: OpenStore, valkey_url: str) -> None:
    enlist(client, "a")
    with proxied(valkey_url) as (proxy, url), closing(open_store(url)) as connection:
        through = Leases(connection)
        assert through.claim(ENV, "a") is None
        batches = {put(valkey_url, 3, owner="one"), put(valkey_url, 3, owner="other")}

        proxy.cut_replies(after=10)
        claims = [take(through, "a"), take(through, "a")]

    assert {claim.batch for claim in claims} == batches
    held = sum(len(claim.items) for claim in claims)
    assert [int(count) for count in client.hmget(f"farm:counts:{ENV}", "pending", "leased")] == [6 - held, held]
