"""Environments in the store: when they are known, when they are forgotten, and rules that hold for all of them."""

from __future__ import annotations

import asyncio

from farm.models import Environment, WorkerKind
from farm.store.connection import connect_async
from farm.store.environments import KnownEnvironments, environment_names, forget_environments
from farm.store.leases import Leases
from farm.store.pauses import resume
from farm.store.registry import Registry, leased_total
from tests.support.open_store import OpenStore
from tests.support.store import finish, put, take


def beat(client: OpenStore, environment: str, worker: str = "w") -> Registry:
    registry = Registry(client, WorkerKind.LEAN, worker, environment, Environment(lean_version="v4"))
    registry.beat(host="h", pid=1)
    return registry


def age(client: OpenStore, environment: str, hours: float) -> None:
    """Move what was last seen of an environment into the past."""
    client.zincrby("farm:environments", -hours * 3_600_000, environment)


def test_an_environment_is_known_from_the_first_sign_of_life(client: OpenStore) -> None:
    assert environment_names(client) == ["default"]
    beat(client, "zeta")
    beat(client, "alpha").leave()

    assert environment_names(client) == ["default", "alpha", "zeta"]
    Registry(client, WorkerKind.EMBED, "e", "nothing").beat(host="h", pid=1)
    assert environment_names(client) == ["default", "alpha", "zeta"], "other rooms serve none"


def test_one_of_which_nobody_was_seen_for_long_is_forgotten_without_a_trace(client: OpenStore) -> None:
    before = set(client.keys("*"))
    for name in ("old", "young", "default"):
        beat(client, name).leave()
    for name in ("old", "default"):
        age(client, name, 2)

    assert forget_environments(client, 3600) == ["old"]
    assert environment_names(client) == ["default", "young"]
    assert [key for key in set(client.keys("*")) - before if b"old" in key] == []
    assert set(client.hkeys("farm:serves")) == {b"default", b"young"}


def test_one_whose_workers_live_is_kept_however_slow_they_are(client: OpenStore) -> None:
    beat(client, "slow")
    age(client, "slow", 2)

    assert forget_environments(client, 3600) == []


def test_one_in_which_proofs_wait_or_run_is_kept(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    put(valkey_url, 1, environment="busy")
    age(client, "busy", 2)

    assert forget_environments(client, 3600) == []
    claim = take(leases, environment="busy")
    assert forget_environments(client, 3600) == []
    assert leased_total(client) == 1
    finish(leases, claim)
    assert forget_environments(client, 3600) == ["busy"]


def test_what_is_committed_after_it_was_forgotten_makes_it_known_again(client: OpenStore, valkey_url: str) -> None:
    beat(client, "gone").leave()
    age(client, "gone", 2)
    forget_environments(client, 3600)

    put(valkey_url, 1, environment="gone")

    assert environment_names(client) == ["default", "gone"], "else nobody would look after what waits in it"


async def test_the_api_looks_at_once_for_what_it_does_not_know(client: OpenStore, valkey_url: str) -> None:
    api = connect_async(valkey_url)
    known = KnownEnvironments(api)
    asked = int(client.info("commandstats").get("cmdstat_zrange", {}).get("calls", 0))

    assert await known.has("default")
    assert not await known.has("late")
    assert not await known.has("late"), "nor a moment after the last look"
    beat(client, "late")
    assert await known.has("late"), "a look of a moment ago did not show it"
    assert all([await known.has("late") for _ in range(50)])
    calls = int(client.info("commandstats")["cmdstat_zrange"]["calls"]) - asked
    assert calls <= 5, "submits must not cost a look each"
    await api.aclose()
    await asyncio.sleep(0)


def test_an_accepted_canary_pauses_its_owner_everywhere(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    for environment in ("default", "other"):
        put(valkey_url, 2, environment=environment, owner="watched")
        put(valkey_url, 1, environment=environment, owner="somebody")
    put(valkey_url, 0, environment="other", owner="watched", header="import X", canaries=1, options={"priority": 9})
    claims = [take(leases, environment="other") for _ in range(3)]
    [canary] = [claim for claim in claims if claim.items[0].proof.code == "canary"]

    assert finish(leases, canary).alarm
    for claim in claims:
        leases.release(claim.lease, [item.index for item in claim.items])

    for environment in ("default", "other"):
        assert take(leases, environment=environment).owner == "somebody"
        assert leases.claim(environment, "w") is None, "nothing more of the key is judged, wherever it waits"
    assert resume(client, "watched")
    assert {take(leases, environment=environment).owner for environment in ("default", "other")} == {"watched"}
    assert not resume(client, "watched")
