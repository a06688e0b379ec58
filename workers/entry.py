"""How a room's Celery worker is started."""

from __future__ import annotations

import os

from celery import Celery

from farm.logs import configure_logs


def run_worker(app: Celery, room: str, queue: str, processes: int) -> None:
    """Run a prefork worker for one queue until SIGTERM.

    Args:
        app: the room's app.
        room: its name, the first part of the node name that Flower shows.
        queue: the queue it takes tokens from.
        processes: how many processes work.
    """
    configure_logs(room)
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            f"--concurrency={processes}",
            f"--queues={queue}",
            f"--hostname={room}-{os.getpid()}@%h",
            "--task-events",
            "--without-mingle",
            "--without-gossip",
            "--loglevel=WARNING",
        ]
    )
