"""The idle rule: if a worker is idle for a while although tokens wait, its first process is ended.

The first process takes the tokens from the broker, so it must have failed. The rule works with any broker and for any
cause. A worker that cannot reach its broker sees no tokens, and keeps running.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import time
from typing import Any

import structlog
from celery import Celery, signals

from farm.celery_app import is_rabbitmq
from workers.background_threads import BackgroundThread

NEGLECT_S = 20.0
"""How long tokens may wait while none is taken, before the first process is ended."""
_LOOK_S = 2.0
# If two checks are further apart than this, `NEGLECT_S` starts again at the later check: nobody knows whether tokens
# waited all the time between the two.
_ON_END_S = 10.0

_log = structlog.get_logger()


class LastBegun:
    """The time when any process of this worker last began a task, in memory that the worker's processes share."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, struct.calcsize("d"))

    def note(self) -> None:
        """Record that a task begins now."""
        struct.pack_into("d", self._page, 0, time.monotonic())

    def ago_s(self) -> float:
        """Return how many seconds ago a task last began."""
        begun: float = struct.unpack_from("d", self._page)[0]
        return time.monotonic() - begun


class Neglect(BackgroundThread):
    """Ends a worker's first process if tokens wait and the first process does not take them.

    Each forked process of the worker runs this thread.

    Args:
        app: the worker's app.
        queue: the queue that holds the tokens.
        begun: when a task last began, shared by the processes of the worker.
        parent: the worker's first process.
    """

    def __init__(self, app: Celery, queue: str, begun: LastBegun, parent: int) -> None:
        # Nothing checks whether this thread is stuck: RabbitMQ may not answer, and that must not end a process.
        super().__init__("neglect")
        self._app = app
        self._queue = queue
        self._begun = begun
        self._parent = parent
        self._connection: Any = None
        self._channel: Any = None
        self._is_rabbitmq = is_rabbitmq(app.conf.broker_url)
        self._is_busy = False
        self._since = self._looked = 0.0
        signals.task_prerun.connect(self._begin, weak=False)
        signals.task_postrun.connect(self._finish, weak=False)

    def work(self) -> None:
        """Check for ever."""
        while True:
            time.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        now = time.monotonic()
        if self._is_busy or self._begun.ago_s() < _LOOK_S or not self._waiting():
            self._since = 0.0
        elif not self._since or now > self._looked + _ON_END_S:
            self._since = now
        elif now > self._since + NEGLECT_S:
            _log.critical("parent.takes_no_tokens", queue=self._queue, parent=self._parent)
            # If the first process still runs, it now tells the others to give back their work. If it hangs, it gives no
            # signs of life, and is killed for that.
            os.kill(self._parent, signal.SIGTERM)
            self._since = 0.0
        self._looked = now

    def _waiting(self) -> int:
        """Return how many tokens wait; 0 if the broker does not say."""
        connection = self._connection = self._connection or self._app.connection_for_read(heartbeat=0)
        try:
            if self._channel is None:
                connection.connect()
                self._channel = connection.channel()
            # On Redis an empty queue does not exist, so a passive declaration would be an error.
            return int(self._channel.queue_declare(self._queue, passive=self._is_rabbitmq).message_count)
        except (*connection.connection_errors, *connection.channel_errors) as error:
            _log.warning("queue.not_seen", queue=self._queue, error=str(error))
            connection.release()
            self._connection = self._channel = None
            return 0

    def _begin(self, **_: Any) -> None:
        self._is_busy = True
        self._begun.note()

    def _finish(self, **_: Any) -> None:
        self._is_busy = False
