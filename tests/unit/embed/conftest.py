"""A Valkey server of its own for the tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import redis

from farm.local.valkey import prepare_valkey
from tests.support.embed_bench import Bench
from tests.support.open_store import OpenStore, open_store
from tests.support.tei import Tei


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = prepare_valkey(tmp_path_factory.mktemp("valkey"))
    process = subprocess.Popen(server.command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout as log:
        assert any("Ready to accept connections" in line for line in log)
        yield server.url
        process.kill()


@pytest.fixture
def client(redis_url: str) -> Iterator[OpenStore]:
    connection: redis.Redis = open_store(redis_url)
    yield connection
    connection.flushall()
    connection.close()


@pytest.fixture
def tei() -> Iterator[Tei]:
    with Tei() as server:
        yield server


@pytest.fixture
def bench(client: OpenStore, redis_url: str, tei: Tei) -> Iterator[Bench]:
    made = Bench(client, redis_url, tei, timeout_s=10)
    yield made
    made.close()
