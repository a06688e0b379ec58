"""What a run that outlasts its time slice is told about its batch."""

from __future__ import annotations

from farm.store.batch_outlooks import Outlook, Outlooks
from farm.store.claims import Claim
from farm.store.leases import Leases
from tests.support.open_store import OpenStore
from tests.support.store import put, take


def look(client: OpenStore, claim: Claim) -> Outlook:
    outlook = Outlooks(client).outlasted(claim.lease, claim.items[0].index, 1.0)
    assert outlook is not None
    return outlook


def test_an_outlook_counts_the_proofs_that_wait_for_their_first_run(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 4)
    first, second, third = [take(leases, most=1) for _ in range(3)]
    leases.defer(first.lease, first.items[0].index, 0.1)

    assert look(client, third).fresh == 1, "the deferred one waits behind it"
    fourth, again = take(leases, most=1), take(leases, most=1)
    assert [claim.items[0].slow for claim in (fourth, again)] == [False, True]
    leases.release(second.lease, [second.items[0].index])
    assert look(client, third).fresh == 1, "the deferred one runs again, and no longer waits"


def test_another_batch_waits_whatever_its_header(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 4, headers=["a", "b", "c", "c"])
    claims = [take(leases, most=1) for _ in range(2)]
    assert len({claim.lane for claim in claims}) == 2
    alone = look(client, claims[0])
    assert (alone.fresh, alone.others_wait) == (2, False)

    put(valkey_url, 1, header="d")

    assert look(client, claims[0]).others_wait


def test_an_outlook_takes_no_longer_for_a_batch_with_very_many_headers(
    client: OpenStore, leases: Leases, valkey_url: str
) -> None:
    def calls() -> int:
        return sum(int(each["calls"]) for each in client.info("commandstats").values())

    put(valkey_url, 3001, headers=[f"import M{i}" for i in range(3001)])
    claim, before = take(leases, most=1), calls()

    assert look(client, claim).fresh == 3000
    assert calls() - before < 6000
