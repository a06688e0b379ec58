"""Cancelled batches of many headers: a few sweeps give every proof its verdict, and the reaper stays alive."""

from __future__ import annotations

import asyncio

from farm.celery_app import Tokens, celery_app
from farm.models import Proof, Reason, verdict
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.connection import connect_async
from farm.store.lanes import lane_name
from farm.store.leases import Leases
from farm.store.staging import NewBatch, StagedItem, Staging
from tests.support.open_store import OpenStore
from tests.support.store import ENV, assert_settled, cancel, lapse, state, take
from workers.reaper import Reaper


def put_headers(url: str, count: int) -> str:
    """Commit a batch whose proofs all have different headers; returns its id."""

    async def commit() -> str:
        async with connect_async(url) as client:
            batches, staging = Batches(client), Staging("me")
            lanes = (lane_name(ENV, f"import M{i}", "me") for i in range(count))
            await batches.stage(staging, [StagedItem(lane, Proof(code="proof")) for lane in lanes])
            new = NewBatch(environment=ENV, options={"priority": 5}, retention_s=100)
            return (await batches.commit(staging, new)).batch

    return asyncio.run(commit())


def test_a_sweep_takes_the_items_of_many_lanes(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put_headers(valkey_url, 1500)
    cancel(valkey_url, batch)

    sweeps = 0
    while items := (swept := leases.sweep(batch))[1]:
        found = [verdict(i.id, i.index, reason=Reason.CANCELLED) for i in items]
        leases.finish(swept[0], batch, found)
        sweeps += 1

    assert sweeps == 2
    assert_settled(client, batch, 1500)


def test_small_sweeps_miss_no_lane(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put_headers(valkey_url, 1500)
    cancel(valkey_url, batch)

    seen: list[int] = []
    while items := leases.sweep(batch, most=70)[1]:
        seen += [item.index for item in items]

    assert sorted(seen) == list(range(1500))


def test_what_a_lapsed_sweep_gives_back_is_swept_again(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put_headers(valkey_url, 300)
    cancel(valkey_url, batch)
    lease, items = leases.sweep(batch)
    assert len(items) == 300
    client.zadd("farm:leases", {lease: 1})

    leases.reap(lease, dead=False)

    again, items = leases.sweep(batch)
    assert sorted(item.index for item in items) == list(range(300))
    leases.finish(again, batch, [verdict(i.id, i.index, reason=Reason.CANCELLED) for i in items])
    assert_settled(client, batch, 300)


def test_what_a_worker_gives_back_behind_the_sweep_is_found(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put_headers(valkey_url, 1500)
    claim = take(leases, most=1)
    cancel(valkey_url, batch)
    reaper = reaper_of(client, leases, valkey_url, [])
    reaper.pass_over()
    assert state(client, batch)["done"] == "1499"

    lapse(client, claim)
    reaper.pass_over()
    reaper.pass_over()

    assert_settled(client, batch, 1500)


def test_the_reaper_gives_signs_of_life_while_it_sweeps(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch = put_headers(valkey_url, 2500)
    cancel(valkey_url, batch)
    done: list[str] = []
    reaper = reaper_of(client, leases, valkey_url, done)

    reaper.pass_over()

    assert done == ["1000", "2000", "2500"]


def reaper_of(client: OpenStore, leases: Leases, url: str, done: list[str]) -> Reaper:
    """Return a reaper that, with each sign of life, notes how many proofs of the only batch are done."""
    tokens = Tokens(celery_app(Settings(redis_url=url, _env_file=None)))

    def note() -> None:
        [name] = client.zrange("farm:batches:me", 0, -1)
        done.append(state(client, name.decode())["done"])

    return Reaper(client, leases, [], tokens, 100, note)
