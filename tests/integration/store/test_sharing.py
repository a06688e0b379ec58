"""One run for proofs that ask the same question: kept verdicts, shared runs, and what ends them."""

from __future__ import annotations

import pytest

from farm.models import Message, Reason, verdict
from farm.store.cache import purge_cache
from farm.store.claims import Claim
from farm.store.leases import Leases
from farm.store.revocation import Revocation
from tests.support.open_store import OpenStore
from tests.support.store import ENV, assert_settled, cancel, finish, lapse, mark, put, state, take


def indices(claim: Claim) -> list[int]:
    return [item.index for item in claim.items]


def answer_known(leases: Leases, claim: Claim) -> None:
    """Do what a runner does with verdicts that are known."""
    known = [i.known.model_copy(update={"id": i.id, "index": i.index, "cached": True}) for i in claim.items if i.known]
    leases.finish(claim.lease, claim.batch, known)


def test_a_repeat_is_answered_without_a_run(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1, marks=[mark("a")])
    finish(leases, take(leases))
    again = put(valkey_url, 1, marks=[mark("a")])

    claim = take(leases)

    assert claim.items[0].known is not None
    assert claim.items[0].known.outcome == "accepted"
    answer_known(leases, claim)
    assert_settled(client, again, 1)
    assert state(client, again)["accepted"] == "1"


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.CRASHED, Reason.OUT_OF_MEMORY, Reason.FARM_ERROR])
def test_what_the_farm_could_not_decide_is_never_kept(leases: Leases, valkey_url: str, reason: Reason) -> None:
    put(valkey_url, 1, marks=[mark("a")])
    finish(leases, take(leases), reason)
    put(valkey_url, 1, marks=[mark("a")])

    assert take(leases).items[0].known is None


def test_no_verdict_is_kept_that_may_come_from_a_process_that_accepted_a_canary(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 1, owner="watched", marks=[mark("a")], canaries=1)
    claim = take(leases)
    found = [verdict(item.id, item.index, reason=None) for item in claim.items]
    assert leases.finish(claim.lease, batch, found).alarm

    assert Revocation(client).mark_suspects() == 1

    put(valkey_url, 1, owner="other", marks=[mark("a")])
    assert take(leases).items[0].known is None
    assert state(client, batch)["revoked"] == "1"


def test_another_layout_gets_only_a_verdict_without_positions(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 2, marks=[mark("clean", "1"), mark("noisy", "1")])
    claim = take(leases)
    finish(leases, claim)
    noisy = claim.items[1]
    found = verdict(noisy.id, noisy.index, reason=Reason.ERROR, messages=[Message(severity="error", data="no")])
    leases.finish(claim.lease, claim.batch, [found])
    put(valkey_url, 3, marks=[mark("clean", "2"), mark("noisy", "2"), mark("noisy", "1")])

    again = take(leases)

    assert [item.known is not None for item in again.items] == [True, False, True]


def test_another_revision_knows_nothing(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1, marks=[mark("a")])
    finish(leases, take(leases))
    put(valkey_url, 1, marks=[mark("a")])

    claim = leases.claim(ENV, "w", revision="v5|1|r")

    assert claim is not None
    assert claim.items[0].known is None


def test_a_verdict_from_a_lapsed_lease_is_not_kept(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1, marks=[mark("a")])
    slow = take(leases)
    lapse(client, slow)
    leases.reap(slow.lease, dead=False)
    finish(leases, slow)
    put(valkey_url, 1, marks=[mark("a")])

    assert take(leases).items[0].known is None


def test_copies_wait_for_one_run_and_share_its_verdict(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 5, marks=[mark("a")] * 5)
    other = put(valkey_url, 1, marks=[mark("a")])
    leader = take(leases, "w1", most=16)

    assert indices(leader) == [0]
    waiting = leases.claim(ENV, "w2", most=16, revision="v4|1|r")
    assert waiting is None, "the other batch's copy waits as well"
    finish(leases, leader)
    while claim := leases.claim(ENV, "w1", most=16, revision="v4|1|r"):
        assert all(item.known for item in claim.items)
        answer_known(leases, claim)

    assert_settled(client, batch, 5)
    assert_settled(client, other, 1)


def test_when_the_run_decides_nothing_each_copy_runs_for_itself(leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 4, marks=[mark("a")] * 4)
    leader = take(leases, most=16)
    finish(leases, leader, Reason.TIMEOUT)

    claims = [take(leases, f"w{i}", most=1) for i in range(3)]

    assert sorted(i for claim in claims for i in indices(claim)) == [1, 2, 3], "copies of what hangs must not queue up"


@pytest.mark.parametrize("end", ["lapse", "death", "release", "cancel"])
def test_a_leader_that_goes_away_hands_its_work_to_a_copy(
    client: OpenStore, leases: Leases, valkey_url: str, end: str
) -> None:
    first = put(valkey_url, 1, marks=[mark("a")])
    second = put(valkey_url, 1, marks=[mark("a")])
    leader = take(leases, "w1")
    assert leases.claim(ENV, "w2", revision="v4|1|r") is None

    if end == "lapse":
        lapse(client, leader)
        leases.reap(leader.lease, dead=False)
    elif end == "death":
        leases.reap(leader.lease, dead=True)
    else:
        if end == "cancel":
            cancel(valkey_url, leader.batch)
        leases.release(leader.lease, indices(leader))

    left = {first, second} if end != "cancel" else {second if leader.batch == first else first}
    while left:
        claim = take(leases, "w2")
        answer_known(leases, claim) if claim.items[0].known else finish(leases, claim)
        left -= {claim.batch}
    assert not client.keys("farm:flight:*")
    assert not client.keys("farm:parked:*")


def test_a_cancelled_batch_takes_its_waiting_copies_along(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    leading = put(valkey_url, 1, marks=[mark("a")])
    leader = take(leases)
    batch = put(valkey_url, 3, marks=[mark("a")] * 3)
    assert leases.claim(ENV, "w2", revision="v4|1|r") is None
    cancel(valkey_url, batch)

    lease, swept = leases.sweep(batch)
    leases.finish(lease, batch, [verdict(i.id, i.index, reason=Reason.CANCELLED) for i in swept])
    finish(leases, leader)

    assert_settled(client, batch, 3)
    assert_settled(client, leading, 1)


def test_a_flood_of_copies_is_worked_off_in_bounded_steps(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put(valkey_url, 3000, marks=[mark("a")] * 3000)
    held = [take(leases, f"w{i}", most=16) for i in range(3)]
    for each in held:
        for item in each.items:
            leases.finish(each.lease, batch, [verdict(item.id, item.index, reason=None)])
    while claim := leases.claim(ENV, "w", most=16, revision="v4|1|r"):
        answer_known(leases, claim)

    assert_settled(client, batch, 3000)


def test_the_cache_keeps_to_its_bound_and_forgets_the_oldest(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    count = 3000
    put(valkey_url, count, marks=[mark(str(i)) for i in range(count)])
    while claim := leases.claim(ENV, "w", most=16, revision="v4|1|r"):
        leases.finish(claim.lease, claim.batch, [verdict(i.id, i.index, reason=None) for i in claim.items])

    kept = client.zcard("farm:verdicts")
    assert 0 < kept < count
    assert int(client.hget("farm:counters", "cache_bytes")) <= 1 << 20
    assert len(client.keys("farm:verdict:*")) == kept
    put(valkey_url, 2, marks=[mark("0"), mark(str(count - 1))])
    assert [item.known is not None for item in take(leases).items] == [False, True]


def test_a_purge_forgets_one_toolchain_and_leaves_the_other(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    for revision in ("v4|1|r", "v5|1|r"):
        put(valkey_url, 1, marks=[mark("a")])
        claim = leases.claim(ENV, "w", revision=revision)
        assert claim is not None
        finish(leases, claim)

    assert purge_cache(client, toolchain="v4") == 1

    put(valkey_url, 1, marks=[mark("a")])
    assert take(leases).items[0].known is None
    assert [m.decode().partition("|")[0] for m in client.zrange("farm:verdicts", 0, -1)] == ["v5"]
