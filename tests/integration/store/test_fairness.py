"""Fairness: keys share by the seconds that they use, slow proofs come last, quotas hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from farm.errors import RateLimited
from farm.models import Evidence, Reason
from farm.store.leases import Leases
from farm.store.pauses import resume
from farm.store.quotas import Quotas
from tests.support.open_store import OpenStore
from tests.support.store import assert_settled, finish, put, state, take


def serve(leases: Leases, times: int, seconds: dict[str, float], load_s: float = 0.0) -> list[str]:
    """Let one process run `times` proofs that take their owner's seconds; returns whose they were."""
    served: list[str] = []
    for _ in range(times):
        last = served[-1] if served else ""
        claim = take(leases, most=1, owner=last, load_s=load_s)
        finish(leases, claim, seconds=seconds[claim.owner])
        served.append(claim.owner)
    return served


def test_keys_share_by_seconds_whatever_their_proofs_cost(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 200, owner="slow")
    put(valkey_url, 200, owner="quick")

    served = serve(leases, 110, {"slow": 10.0, "quick": 1.0})

    assert 8 <= served.count("slow") <= 12


def test_a_small_batch_behind_a_large_one_of_another_key_is_next(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 500, owner="a")
    serve(leases, 50, {"a": 1.0})
    put(valkey_url, 5, owner="b")

    assert serve(leases, 10, {"a": 1.0, "b": 1.0}).count("b") == 5


def test_a_key_that_sends_one_by_one_gets_no_more_than_its_share(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 200, owner="steady")
    served = []
    for _ in range(60):
        put(valkey_url, 1, owner="trickle")
        served += serve(leases, 1, {"steady": 1.0, "trickle": 1.0})

    assert 25 <= served.count("steady") <= 35


def test_a_key_that_worked_while_nobody_waited_owes_nobody(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 100, owner="veteran")
    serve(leases, 100, {"veteran": 36.0})
    put(valkey_url, 100, owner="newcomer")
    serve(leases, 1, {"newcomer": 1.0})
    put(valkey_url, 20, owner="veteran")

    served = serve(leases, 40, {"veteran": 1.0, "newcomer": 1.0})

    assert 18 <= served.count("veteran") <= 20


def test_a_single_proof_of_a_key_that_worked_alone_is_soon_served(leases: Leases, valkey_url: str) -> None:
    for _ in range(10):
        put(valkey_url, 1, owner="veteran", interactive=True)
        serve(leases, 1, {"veteran": 10.0})
    put(valkey_url, 50, owner="newcomer", interactive=True)
    put(valkey_url, 1, owner="veteran", interactive=True)

    assert "veteran" in serve(leases, 3, {"veteran": 1.0, "newcomer": 1.0})


def test_a_key_that_was_paused_starts_no_lower_than_those_that_worked(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 51, owner="steady")
    serve(leases, 50, {"steady": 10.0})
    client.hset("farm:paused", "paused", "a batch")
    put(valkey_url, 50, owner="paused")
    serve(leases, 1, {"steady": 10.0})
    assert resume(client, "paused")
    serve(leases, 1, {"paused": 1.0})
    put(valkey_url, 10, owner="steady")

    served = serve(leases, 20, {"steady": 1.0, "paused": 1.0})

    assert 9 <= served.count("steady") <= 10


def test_who_was_given_nothing_for_long_is_next_even_where_a_change_is_costly(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 50, owner="a")
    serve(leases, 5, {"a": 1.0}, load_s=5.0)
    put(valkey_url, 1, owner="b")
    assert serve(leases, 1, {"a": 1.0, "b": 1.0}, load_s=5.0) == ["b"]

    claim = take(leases, most=1, owner="b", load_s=5.0)
    finish(leases, claim, seconds=1.0)
    put(valkey_url, 1, owner="b")
    assert take(leases, most=1, owner="a", load_s=5.0).owner == "a", "but not again at once"


def test_who_was_given_nothing_for_long_need_not_wait_for_the_end_of_a_chunk(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 50, owner="a")
    claim = take(leases, most=8, load_s=5.0)
    assert not finish(leases, claim, then=claim.items[1].index, seconds=1.0).others_first
    put(valkey_url, 1, owner="b")

    rest = replace(claim, items=claim.items[1:])
    assert finish(leases, rest, then=claim.items[2].index, seconds=1.0).others_first
    other = take(leases, worker="other", most=1, owner="a", load_s=5.0)
    assert other.owner == "b"
    put(valkey_url, 1, owner="b")
    rest = replace(claim, items=claim.items[2:])
    assert not finish(leases, rest, then=claim.items[3].index, seconds=1.0).others_first, "it was served just now"


def test_a_costly_header_makes_changes_of_owner_rare(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 200, owner="a")
    put(valkey_url, 200, owner="b")

    served = serve(leases, 200, {"a": 1.0, "b": 1.0}, load_s=5.0)
    changes = sum(before != after for before, after in pairwise(served))

    assert changes <= 20
    assert 80 <= served.count("a") <= 120


def test_what_outlives_its_slice_comes_last_and_uncharged(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 4)
    claim = take(leases, most=1)

    leases.defer(claim.lease, claim.items[0].index, 2.0)

    rest = [take(leases, f"w{i}", most=1) for i in range(4)]
    assert [claim.items[0].index for claim in rest] == [1, 2, 3, 0]
    assert [claim.items[0].slow for claim in rest] == [False, False, False, True]
    assert rest[-1].items[0].attempts == 1
    for each in rest:
        finish(leases, each)
    assert_settled(client, batch, 4)


def test_a_claim_and_a_finish_tell_what_the_batch_taught(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 5)
    finish(leases, take(leases, most=1), time_s=1.5)
    finish(leases, take(leases, most=1), Reason.ERROR, time_s=4.25)
    own = Evidence(gate="strict", front="own")
    finish(leases, take(leases, most=1), time_s=5.5, evidence=own)
    finished = finish(leases, take(leases, most=1), Reason.TIMEOUT, time_s=60.0)
    assert (finished.timed, finished.longest_s) == (3, 5.5), "also what is not kept for others was timed"

    claim = take(leases, most=1)

    assert (claim.timed, claim.longest_s, claim.total) == (3, 5.5, 5)


@pytest.mark.parametrize(
    ("quotas", "owner", "limit"),
    [
        (Quotas(10, 100, 1000, 100), "me", "owner_items"),
        (Quotas(1000, 100, 10, 100), "other", "items"),
        (Quotas(1000, 0, 1000, 100), "me", "owner_bytes"),
        (Quotas(1000, 100, 1000, 0), "other", "bytes"),
    ],
)
def test_over_a_quota_nothing_is_stored(
    client: OpenStore, leases: Leases, valkey_url: str, quotas: Quotas, owner: str, limit: str
) -> None:
    put(valkey_url, 8)
    before = set(client.keys("*"))
    usage = client.hgetall("farm:usage")

    with pytest.raises(RateLimited) as refused:
        put(valkey_url, 3, owner=owner, quotas=quotas)

    assert refused.value.details == {"limit": limit}
    assert set(client.keys("*")) == before
    assert client.hgetall("farm:usage") == usage


def test_a_verdict_makes_room_and_retention_gives_the_storage_back(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    quotas = Quotas(8, 100, 1000, 100)
    batch = put(valkey_url, 8, quotas=quotas)
    with pytest.raises(RateLimited):
        put(valkey_url, 1, quotas=quotas)
    finish(leases, take(leases, most=1))
    put(valkey_url, 1, quotas=quotas)
    while claim := leases.claim("default", "w", most=1):
        finish(leases, claim)
    assert state(client, batch)["state"] == "done"
    assert b"items" not in client.hgetall("farm:usage")
    assert leases.expire_due() == 0, "retention is not over"

    for expiring in client.zrange("farm:expiries", 0, -1):
        client.zadd("farm:expiries", {expiring: 1})

    assert leases.expire_due() == 2
    left = {key.decode() for key in client.keys("*")}
    lasting = {"farm:counts:default", "farm:totals", "farm:tokens:default", "farm:served:default:batch"}
    assert left <= lasting | {"farm:environments", "farm:granted:default"}


def test_a_nearly_full_redis_takes_no_batch_and_finishes_what_it_has(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 3)
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", used)
    try:
        with pytest.raises(RateLimited):
            put(valkey_url, 1, quotas=Quotas(100, 100, 100, 100))
        while claim := leases.claim("default", "w", most=1):
            finish(leases, claim)
    finally:
        client.config_set("maxmemory", 0)

    assert_settled(client, batch, 3)
