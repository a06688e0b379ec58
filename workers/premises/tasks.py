"""The Celery side of the premise room."""

from __future__ import annotations

from celery import Celery

from farm.models import WorkerKind
from farm.queues import PREMISES_TASK
from farm.settings import Settings
from workers.premises.loading import load_ranker
from workers.premises.searcher import Searcher
from workers.room import Post, room_app


def create_app(settings: Settings) -> Celery:
    """Return the Celery app of the premise room."""

    def make(post: Post) -> Searcher:
        return Searcher(post, lambda progress: load_ranker(settings, progress))

    return room_app(settings, WorkerKind.PREMISES, PREMISES_TASK, make)
