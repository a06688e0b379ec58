"""A Valkey server of its own for the tests of this folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from farm.local.valkey import prepare_valkey
from farm.store.corpora import Corpora
from farm.store.room_queues import Room
from tests.support.embed_bench import Bench
from tests.support.open_store import OpenStore, open_store
from tests.support.tei import Tei
from workers.metric_counts import Metrics
from workers.premises.server import PremiseServer
from workers.room_server import Post


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


@pytest.fixture
def premises(bench: Bench, client: OpenStore, redis_url: str, tmp_path: Path) -> Iterator[PremiseServer]:
    """A premise process whose vectors are made by the bench's service."""
    settings = bench.settings.model_copy(update={"data_dir": tmp_path})
    post = Post(Room(client, "premises", "w"), bench.runner._post.tokens, lambda: False, Metrics(), 0.0)
    server = PremiseServer(post, settings, Corpora(client, "w"))
    yield server
    server.close()
