"""An accepted canary revokes the accepted verdicts of its batch, also those that are written after the alarm."""

from __future__ import annotations

import pytest

from farm.models import verdict
from farm.store.claims import Claim
from farm.store.codec import unpack
from farm.store.constants import FIRST_CANARY
from farm.store.leases import Finished, Leases
from farm.store.pauses import resume
from farm.store.revocation import Revocation
from farm.store.scripts import Scripts
from tests.support.open_store import OpenStore
from tests.support.store import finish, lapse, put, take


def accept_all(leases: Leases, claim: Claim) -> Finished:
    found = [verdict(item.id, item.index, reason=None) for item in claim.items]
    return leases.finish(claim.lease, claim.batch, found, revision="v4|1|r")


def rewards(client: OpenStore, batch: str) -> dict[int, float | None]:
    """Return the reward of each proof that has a verdict."""
    stored = {int(index): unpack(blob) for index, blob in client.hgetall(f"farm:batch:{batch}:results").items()}
    return {index: fields["reward"] for index, fields in stored.items() if index < FIRST_CANARY}


@pytest.mark.parametrize("is_resumed", [False, True])
def test_what_another_process_accepts_after_the_alarm_is_revoked(
    client: OpenStore, leases: Leases, valkey_url: str, is_resumed: bool
) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    canary, other = take(leases, "bad", most=1), take(leases, "other", most=4)
    assert finish(leases, canary).alarm
    assert Revocation(client).mark_suspects() == 0
    if is_resumed:
        assert resume(client, "me")

    assert accept_all(leases, other).written == len(other.items)

    assert Revocation(client).mark_suspects() == len(other.items)
    assert set(rewards(client, batch).values()) == {None}
    assert client.smembers("farm:suspects") == set()


def test_what_a_lapsed_lease_accepts_after_the_alarm_is_revoked(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    canary, other = take(leases, "bad", most=1), take(leases, "other", most=1)
    finish(leases, canary)
    Revocation(client).mark_suspects()
    lapse(client, other)

    assert not accept_all(leases, other).alive

    assert Revocation(client).mark_suspects() == 1
    assert rewards(client, batch) == {other.items[0].index: None}


def test_what_is_claimed_after_the_pause_is_not_revoked(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 4, canaries=1, canaries_at=0)
    finish(leases, take(leases, "bad", most=1))
    Revocation(client).mark_suspects()
    assert resume(client, "me")

    while claim := leases.claim("default", "good", revision="v4|1|r"):
        accept_all(leases, claim)

    assert Revocation(client).mark_suspects() == 0
    assert rewards(client, batch) == dict.fromkeys(range(4), 1.0)


def test_a_batch_that_gets_verdicts_while_it_is_marked_stays_a_suspect(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    canary, other = take(leases, "bad", most=1), take(leases, "other", most=4)
    finish(leases, canary)
    before = client.hget(f"farm:batch:{batch}", "done")
    accept_all(leases, other)

    # A reaper that read the verdicts before the last ones came has marked what it read.
    Scripts(client).run("unsuspect", batch, before)

    assert client.smembers("farm:suspects") == {batch.encode()}
    assert Revocation(client).mark_suspects() == len(other.items)
    assert client.smembers("farm:suspects") == set()


def test_a_suspect_that_has_expired_is_forgotten(client: OpenStore) -> None:
    client.sadd("farm:suspects", "gone")

    assert Revocation(client).mark_suspects() == 0

    assert client.smembers("farm:suspects") == set()
