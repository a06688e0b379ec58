"""Work rings for processes that linger; only where none lingers does it need tokens."""

from __future__ import annotations

import pytest

from farm.store.leases import Leases
from farm.store.lingering import Lingering
from tests.support.enlisting import enlist
from tests.support.open_store import OpenStore
from tests.support.store import ENV, finish, put, take

NOW = 0.01


def lingering(client: OpenStore, *workers: str) -> list[Lingering]:
    enlist(client, "".join(workers))
    found = [Lingering(client, ENV, worker) for worker in workers]
    for each in found:
        each.begin()
        # A slow machine may take longer than a process counts as lingering.
        client.zincrby(f"farm:lingering:{ENV}", 600_000, each._worker)
    return found


def believed(client: OpenStore) -> int:
    return int(client.get(f"farm:tokens:{ENV}") or 0)


def test_one_proof_rings_once(client: OpenStore, valkey_url: str) -> None:
    processes = lingering(client, "a", "b")

    put(valkey_url, 1)

    assert sorted(each.await_ring(NOW) for each in processes) == [False, True]
    assert believed(client) == 1


def test_a_batch_rings_for_all_and_the_rest_are_tokens(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    processes = lingering(client, "a", "b")
    enlist(client, "cd")

    put(valkey_url, 100)

    assert [each.await_ring(NOW) for each in processes] == [True, True]
    # One of the four stays free for interactive work.
    assert believed(client) == 3
    assert client.zcard(f"farm:lingering:{ENV}") == 0


def test_who_was_rung_is_not_rung_again_before_it_lingers_again(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    [process] = lingering(client, "a")
    put(valkey_url, 1)
    assert process.await_ring(NOW)
    assert leases.claim(ENV, "a", has_token=False) is not None

    client.set(f"farm:tokens:{ENV}", 0)
    put(valkey_url, 1)
    assert not process.await_ring(NOW)
    process.begin()
    client.set(f"farm:tokens:{ENV}", 0)
    put(valkey_url, 1)

    assert process.await_ring(NOW)


def test_nobody_rings_for_a_process_that_has_ended(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    stays, ends, killed = lingering(client, "a", "b", "c")
    assert not ends.end()
    client.zadd(f"farm:lingering:{ENV}", {"c": 1})

    put(valkey_url, 2)

    assert [each.await_ring(NOW) for each in (stays, ends, killed)] == [True, False, False]


def test_a_ring_is_kept_for_a_process_that_was_about_to_end(client: OpenStore, valkey_url: str) -> None:
    [process] = lingering(client, "a")
    put(valkey_url, 1)

    assert process.end()
    assert not process.end()


def test_what_finds_work_without_a_ring_counts_as_one_with_a_token(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 1)
    client.set(f"farm:tokens:{ENV}", 0)
    lingering(client, "a")

    claim = leases.claim(ENV, "a", has_token=False)

    assert claim is not None
    assert believed(client) == 1
    assert client.zcard(f"farm:lingering:{ENV}") == 0
    finish(leases, claim)
    assert leases.claim(ENV, "a") is None
    assert believed(client) == 0


def test_a_ring_is_the_token_of_the_process_that_claims(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    [process] = lingering(client, "a")
    put(valkey_url, 1)

    assert leases.claim(ENV, "a", has_token=False) is not None

    assert believed(client) == 1
    assert not process.end(), "the ring has been used"


def test_a_ring_for_work_that_is_gone_is_spent(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    [process] = lingering(client, "a")
    put(valkey_url, 1)
    take(leases, "b")
    rung = believed(client)

    assert leases.claim(ENV, "a", has_token=False) is None

    assert believed(client) == rung - 1
    assert not process.end()


def test_looking_without_a_token_spends_none(client: OpenStore, leases: Leases) -> None:
    enlist(client, "ab")
    client.set(f"farm:tokens:{ENV}", 2)

    assert leases.claim(ENV, "a", has_token=False) is None
    assert believed(client) == 2
    assert leases.claim(ENV, "a") is None
    assert believed(client) == 1


@pytest.mark.parametrize("lingers", [False, True])
def test_the_reaper_rings_before_it_replaces_a_lost_token(
    client: OpenStore, leases: Leases, valkey_url: str, lingers: bool
) -> None:
    enlist(client, "a")
    put(valkey_url, 1)
    leases.nudge(ENV, 0)
    process = lingering(client, "a")[0] if lingers else Lingering(client, ENV, "a")

    assert leases.nudge(ENV, 0) == (0 if lingers else 1)
    assert process.await_ring(NOW) is lingers


def test_work_that_is_given_back_rings(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    enlist(client, "ab")
    put(valkey_url, 2)
    claim = take(leases, "a")
    client.set(f"farm:tokens:{ENV}", 1)
    [process] = lingering(client, "b")

    assert leases.release(claim.lease, [item.index for item in claim.items]).tokens == 0
    assert process.await_ring(NOW)
