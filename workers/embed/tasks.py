"""The Celery side of the embed room."""

from __future__ import annotations

from celery import Celery

from farm.celery_app import EMBED_TASK
from farm.models import WorkerKind
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.vectors import SharedVectors
from workers.embed.cache import VectorCache
from workers.embed.embedder import make_embedder
from workers.embed.server import EmbedServer
from workers.room_server import Post, room_app


def create_app(settings: Settings) -> Celery:
    """Return the Celery app of the embed room."""

    def make(post: Post) -> EmbedServer:
        shared = SharedVectors(connect(settings.redis_url))
        return EmbedServer(post, lambda: make_embedder(settings), VectorCache(settings.lru_cache_size, shared))

    return room_app(settings, WorkerKind.EMBED, EMBED_TASK, make)
