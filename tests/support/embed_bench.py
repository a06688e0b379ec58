"""An embed process at work in a thread of its own, on a store and a service."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from farm.celery_app import Tokens, celery_app
from farm.models import NewPremise
from farm.settings import Settings
from farm.store.codec import unpack
from farm.store.connection import connect_async
from farm.store.retrievals import Retrieval, Retrievals
from farm.store.room_queues import Room
from tests.support.open_store import OpenStore
from tests.support.tei import Tei
from workers.embed.cache import VectorCache
from workers.embed.embedder import Embedder, make_embedder
from workers.embed.server import EmbedServer
from workers.metric_counts import Metrics
from workers.room_server import Post

TTL_MS = 30_000


class Bench:
    """An embed server (`runner`), and both ends of its queue."""

    def __init__(self, client: OpenStore, redis_url: str, tei: Tei, timeout_s: float) -> None:
        self.client = client
        self.settings = Settings(
            redis_url=redis_url, embed_service_url=tei.url, embed_service_timeout=timeout_s, _env_file=None
        )
        self.app = celery_app(self.settings)
        self.is_stopping = False
        self.linger_s = 0.0
        self.premises = Room(client, "premises")
        self.runner = self.make(lambda: make_embedder(self.settings))

    def make(self, build: Callable[[], Embedder]) -> EmbedServer:
        post = Post(Room(self.client, "embed"), Tokens(self.app), lambda: self.is_stopping, Metrics(), self.linger_s)
        return EmbedServer(post, build, VectorCache(100))

    async def ask(self, *queries: Retrieval) -> list[bool]:
        client = connect_async(self.settings.redis_url)
        try:
            return [await Retrievals(client).submit(query, TTL_MS) for query in queries]
        finally:
            await client.aclose()

    def handed_on(self) -> dict[str, Any]:
        """Return the vectors that the premise room gets, float32 [texts, d], by goal."""
        taken = self.premises.take(1000)
        return {q.states[0]: np.frombuffer(blob, np.float32).reshape(len(q.texts), -1) for q, blob in taken}

    def answers(self) -> dict[str, Any]:
        """Return the replies, by query."""
        found = {}
        while blob := self.client.lpop("reply"):
            _, id_, answer = blob.split(b":", 2)
            found[id_.decode()] = unpack(answer)
        return found

    def tokens(self, queue: str) -> int:
        return int(self.client.llen(queue))

    def close(self) -> None:
        self.runner.close()
        self.app.close()


_numbers = count()


def query(goal: str = "", *premises: str) -> Retrieval:
    return Retrieval(
        states=[goal or f"⊢ goal {next(_numbers)}"],
        k=8,
        imported_modules=None,
        local_premises=None,
        imported_all_modules=None,
        new_premises=[NewPremise(name=f"p{index}", decl=decl) for index, decl in enumerate(premises)],
        caller_in_module_system=False,
        reply="reply",
        deadline_ms=int(time.time() * 1000) + TTL_MS,
    )
