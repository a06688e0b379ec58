"""Fixtures for tests of premise queries: a bare store, or a farm whose embedding service does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conftest import lean_settings
from tests.support.open_store import AsyncOpenStore, OpenStore, open_store, open_store_async
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm
from tests.support.tei import Tei


@pytest.fixture
def client(valkey_url: str) -> Iterator[OpenStore]:
    """The bare store, found empty, as workers see it."""
    client = open_store(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
async def api(valkey_url: str, client: OpenStore) -> AsyncIterator[AsyncOpenStore]:
    """The same as the API sees it."""
    api = open_store_async(valkey_url)
    yield api
    await api.aclose()


@pytest.fixture(scope="module")
def tei() -> Iterator[Tei]:
    with Tei() as service:
        yield service


@pytest.fixture(scope="module")
def more_settings() -> dict[str, str]:
    """What a module's farm is told besides."""
    return {}


@pytest.fixture(scope="module")
def farm(
    tmp_path_factory: pytest.TempPathFactory, scripted: Install, tei: Tei, more_settings: dict[str, str]
) -> Iterator[RunningFarm]:
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "1", "EMBED_SERVICE_URL": tei.url, **more_settings}
    with running_farm(tmp_path_factory.mktemp("farm"), **settings) as running:
        query = {"state": "a b : Nat\n⊢ a + b = b + a", "k": 5}
        await_true(
            lambda: httpx.post(f"{running.url}/retrieve", json=query, timeout=60).status_code == 200, "the first answer"
        )
        yield running


@pytest.fixture
def store(farm: RunningFarm) -> Iterator[OpenStore]:
    """The store of the farm."""
    client = open_store(farm.redis_url)
    yield client
    client.close()
