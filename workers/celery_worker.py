"""Starts the Celery worker of a room (one kind of worker)."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from typing import Any

import structlog
from celery import Celery, signals

from farm import descriptors
from farm.celery_app import run_celery
from farm.logs import configure_logs
from farm.processes import keep_loaded
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.schema import await_store
from workers.background_threads import Pulse, or_end
from workers.idle_rule import LastBegun, Neglect
from workers.inherited_connections import let_go_of_connections
from workers.parent import take_care

_log = structlog.get_logger()


def run_worker(settings: Settings, app: Celery, room: str, queue: str, processes: int) -> None:
    """Run a prefork worker for one queue until SIGTERM.

    Args:
        settings: the farm's settings.
        app: the room's app.
        room: the room's name, which is the first part of the node name that Flower shows.
        queue: the queue from which the worker takes tokens.
        processes: how many processes to fork.

    Raises:
        SchemaMismatch: the store's state was written by a release that is too old or too new for this one.
    """
    _keep_logs(room)
    descriptors.raise_limit()
    # Celery calls handlers in the order in which they were connected, so `_end_now` runs after the room's own.
    signals.worker_process_shutdown.connect(_end_now, weak=False)
    with closing(connect(settings.redis_url)) as client:
        await_store(client)
    let_go_of_connections()
    take_care(app, settings.data_dir, room)
    _watch(settings, app, room, queue)
    keep_loaded()
    run_celery(
        app,
        "worker",
        "--pool=prefork",
        f"--concurrency={processes}",
        f"--queues={queue}",
        f"--hostname={room}-{os.getpid()}@%h",
        "--task-events",
        "--without-mingle",
        "--without-gossip",
        "--loglevel=WARNING",
    )


def _watch(settings: Settings, app: Celery, room: str, queue: str) -> None:
    """Make each forked process start two threads.

    `Pulse` gives the signs of life of the forked process. `Neglect` watches the worker's first process.
    """
    parent, begun = os.getpid(), LastBegun()

    def begin(**_: Any) -> None:
        Pulse(settings.data_dir, room, parent).start()
        Neglect(app, queue, begun, parent).start()

    signals.worker_process_init.connect(or_end(begin), weak=False)


def _keep_logs(room: str) -> None:
    """Set up the farm's logging, and keep Celery from replacing it.

    Celery leaves the logging alone if the signal `setup_logging` has a handler.
    """
    configure_logs(room)
    signals.setup_logging.connect(_leave, weak=False)
    # Celery's own log record has the text of the exception, and that text may quote a proof.
    logging.getLogger("celery.app.trace").disabled = True
    signals.task_failure.connect(_log_failure, weak=False)
    if not sys.stderr.isatty():
        # Celery prints its banner and farewell on stdout, and no program can parse them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_now(exitcode: int, **_: Any) -> None:
    """End this process at once, because it has released everything.

    Otherwise billiard would sleep for another second, and the parent would wait for that.
    """
    os._exit(exitcode)


def _leave(**_: Any) -> None:
    """Do nothing, so that Celery leaves the logging as it is."""


def _log_failure(task_id: str, exception: BaseException, **_: Any) -> None:
    _log.error("task.failed", token=task_id, exc_info=exception)
