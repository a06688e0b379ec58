"""What another release left in the store, over HTTP: it costs what it says itself, and no page fails."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.open_store import OpenStore, open_store
from tests.support.running import RunningFarm

PATHS = ("/v1/workers", "/v1/environments", "/v1/history", "/readyz", "/metrics")
LATER = {"kind": "lean", "host": "later", "pid": "7", "seen_ms": "1"}


@pytest.fixture
def store(farm: RunningFarm) -> Iterator[OpenStore]:
    client = open_store(farm.redis_url)
    yield client
    client.delete("farm:worker:later:7.1")
    client.zrem("farm:workers", "later:7.1")
    client.close()


def show(store: OpenStore, fields: dict[str, str]) -> None:
    """Have a process of another release give a sign of life."""
    store.hset("farm:worker:later:7.1", mapping=fields)
    store.zadd("farm:workers", {"later:7.1": 1e15})


@pytest.mark.parametrize(
    ("more", "is_shown"),
    [
        ({"proofs": "12 of 20", "memory_mb": "3 GB"}, True),
        ({"serves": '{"lean_version": ["v5"]}'}, True),
        ({"kind": "checker"}, False),
        ({"pid": "7.1"}, False),
    ],
)
def test_a_process_of_another_release_is_shown_as_far_as_it_can_be_read(
    farm: RunningFarm, store: OpenStore, more: dict[str, str], *, is_shown: bool
) -> None:
    show(store, {**LATER, **more})

    assert {path: httpx.get(f"{farm.url}{path}").status_code for path in PATHS} == dict.fromkeys(PATHS, 200)
    shown = httpx.get(f"{farm.url}/v1/workers").json()["workers"]
    assert ("later:7.1" in [each["id"] for each in shown]) is is_shown
    assert {"lean", "embed", "premises"} <= {each["kind"] for each in shown}, "the others are shown all the same"
