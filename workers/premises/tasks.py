"""The Celery side of the premise room."""

from __future__ import annotations

from celery import Celery

from farm.celery_app import PREMISES_TASK
from farm.models import WorkerKind
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.corpora import Corpora
from workers.heartbeat import worker_id
from workers.premises.server import PremiseServer
from workers.room_server import Post, room_app


def create_app(settings: Settings) -> Celery:
    """Return the Celery app of the premise room."""

    def make(post: Post) -> PremiseServer:
        return PremiseServer(post, settings, Corpora(connect(settings.redis_url), worker_id()))

    return room_app(settings, WorkerKind.PREMISES, PREMISES_TASK, make)
