"""What the farm adds to Celery's own work in the first process of a worker.

The first process gives signs of life, ends forked processes that give none, and reconnects to the broker quickly. If
an error ends the first process, it tells the forked processes to end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from celery import Celery, bootsteps, signals
from celery.events.dispatcher import EventDispatcher
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from farm.signs_of_life import SIGN_EVERY_S, Sign
from workers.background_threads import Silence

_FIRST_RETRY_S = 0.1
_MORE_S = 0.2
_LAST_RETRY_S = 1.0

_log = structlog.get_logger()


def take_care(app: Celery, data_dir: Path, part: str) -> None:
    """Give the worker of an app the duties that this module's docstring lists.

    Call this in the worker's first process, before the worker starts.

    Args:
        app: the worker's app.
        data_dir: where the signs of life go.
        part: the part of the farm that the worker belongs to, such as `embed`.
    """
    sign, silence = Sign(data_dir, part, is_main=True), Silence(data_dir, part)

    class Care(bootsteps.StartStopStep):  # type: ignore[misc]
        """Carries out the duties while the worker runs: Celery starts and closes this step with the worker."""

        requires = ("celery.worker.components:Pool",)

        def start(self, worker: Any) -> None:
            sign.give()

        def register_with_event_loop(self, worker: Any, hub: Any) -> None:
            """Set the timer that calls `look`, and let each timer give a sign.

            Celery calls this method for each new connection, because it drops the timers when a connection is lost.
            """
            hub.call_repeatedly(SIGN_EVERY_S, look, worker)
            hub.scheduler = sign_before_each(iter(hub.timer))

        def close(self, worker: Any) -> None:
            """Announce a shutdown after an error; Celery announces one only after a signal."""
            signals.worker_shutting_down.send(sender=worker.hostname, sig="", how="Warm", exitcode=1)

    class Impatient(Consumer):  # type: ignore[misc]
        """Tries to connect for ever, and waits at most a second between two tries.

        Celery's own class waits longer each time, up to 30 s, and then gives up.
        """

        def ensure_connected(self, connection: Any) -> Any:
            """Return a connection once it is established."""
            return connection.ensure_connection(
                _tell, None, _FIRST_RETRY_S, _MORE_S, _LAST_RETRY_S, callback=still_there
            )

    class Signing(EventDispatcher):  # type: ignore[misc]
        """Gives a sign with each event: if the broker is out of reach, each takes seconds, and many may be waiting."""

        def _publish(self, *args: Any, **kwargs: Any) -> Any:
            sign.give()
            return super()._publish(*args, **kwargs)

    def look(worker: Any) -> None:
        sign.give()
        silence.end(*(process.pid for process in worker.pool._pool._pool))

    def sign_before_each(timers: Iterator[tuple[float | None, Any]]) -> Iterator[tuple[float | None, Any]]:
        """Yield what a hub's iterator over its timers yields, and give a sign before each timer that is due.

        Celery and kombu have several timers that use the broker, each of which may wait for seconds if the broker takes
        connections but does not answer. All of them together may take longer than a process may be silent.
        """
        for delay_s, timer in timers:
            if timer is not None:
                # kombu logs an error in a timer, but one that comes from here would end the loop.
                with suppress(OSError):
                    sign.give()
            yield delay_s, timer

    def still_there() -> None:
        sign.give()
        maybe_shutdown()

    app.steps["worker"].add(Care)
    app.events.dispatcher_cls = Signing
    app.conf.worker_consumer = Impatient


def _tell(error: Exception, interval_s: float) -> None:
    # A line each second would fill the log overnight.
    if interval_s < _LAST_RETRY_S:
        _log.warning("broker.away", error=str(error), again_in_s=interval_s)
