"""An accepted canary revokes the accepted verdicts of its batch; what was claimed before it is judged again."""

from __future__ import annotations

import pytest

from farm.models import Reason, verdict
from farm.store.claims import Claim
from farm.store.codec import unpack
from farm.store.constants import FIRST_CANARY
from farm.store.leases import Finished, Leases
from farm.store.pauses import resume
from farm.store.revocation import Revocation
from tests.support.open_store import OpenStore
from tests.support.store import cancel, finish, lapse, put, take


def accept_all(leases: Leases, claim: Claim) -> Finished:
    found = [verdict(item.id, item.index, reason=None) for item in claim.items]
    return leases.finish(claim.lease, claim.batch, found, revision="v4|1|r")


def accept_everything(leases: Leases) -> None:
    while claim := leases.claim("default", "good", revision="v4|1|r"):
        accept_all(leases, claim)


def rewards(client: OpenStore, batch: str) -> dict[int, float | None]:
    """Return the reward of each proof that has a verdict."""
    stored = {int(index): unpack(blob) for index, blob in client.hgetall(f"farm:batch:{batch}:results").items()}
    return {index: fields["reward"] for index, fields in stored.items() if index < FIRST_CANARY}


@pytest.mark.parametrize("is_resumed", [False, True])
def test_what_another_process_finds_after_the_alarm_is_judged_again(
    client: OpenStore, leases: Leases, valkey_url: str, is_resumed: bool
) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    canary, other = take(leases, "bad", most=1), take(leases, "other", most=4)
    assert finish(leases, canary).alarm
    assert Revocation(client).mark_suspects() == 0
    if is_resumed:
        assert resume(client, "me")

    said = accept_all(leases, other)

    assert (said.written, said.alive) == (0, False)
    assert rewards(client, batch) == {}
    if not is_resumed:
        resume(client, "me")
    accept_everything(leases)
    assert rewards(client, batch) == dict.fromkeys(range(16), 1.0)
    assert client.hmget("farm:counts:default", "pending", "leased") == [b"0", b"0"]


def test_what_a_lapsed_lease_accepts_after_the_alarm_is_judged_again(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    canary, other = take(leases, "bad", most=1), take(leases, "other", most=1)
    finish(leases, canary)
    lapse(client, other)

    assert accept_all(leases, other).written == 0

    assert rewards(client, batch) == {}


def test_a_second_alarm_counts_for_what_was_claimed_after_the_first(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 16, canaries=2, canaries_at=0)
    first, second, other = (take(leases, name, most=1) for name in ("bad", "worse", "other"))
    leases.release(second.lease, [item.index for item in second.items])
    leases.release(other.lease, [item.index for item in other.items])
    finish(leases, first)
    Revocation(client).mark_suspects()
    resume(client, "me")
    claims = [take(leases, name, most=1) for name in ("worse", "other")]
    canary = next(claim for claim in claims if claim.items[0].index >= FIRST_CANARY)
    between = next(claim for claim in claims if claim is not canary)

    assert finish(leases, canary).alarm

    assert accept_all(leases, between).written == 0
    assert rewards(client, batch) == {}


def test_a_batch_with_an_alarm_can_be_cancelled(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 16, canaries=1, canaries_at=0)
    finish(leases, take(leases, "bad", most=1))
    cancel(valkey_url, batch)

    while items := (swept := leases.sweep(batch))[1]:
        verdicts = [verdict(item.id, item.index, reason=Reason.CANCELLED) for item in items]
        assert leases.finish(swept[0], batch, verdicts).written == len(items)

    assert client.hget(f"farm:batch:{batch}", "state") == b"cancelled"
    assert rewards(client, batch) == dict.fromkeys(range(16))


def test_what_is_claimed_after_the_pause_is_not_revoked(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 4, canaries=1, canaries_at=0)
    finish(leases, take(leases, "bad", most=1))
    Revocation(client).mark_suspects()
    assert resume(client, "me")

    accept_everything(leases)

    assert Revocation(client).mark_suspects() == 0
    assert rewards(client, batch) == dict.fromkeys(range(4), 1.0)


def test_a_suspect_that_has_expired_is_forgotten(client: OpenStore) -> None:
    client.sadd("farm:suspects", "gone")

    assert Revocation(client).mark_suspects() == 0

    assert client.smembers("farm:suspects") == set()
