"""The Celery app, and the names of its queues and tasks.

Celery carries only tokens, which say that there is work. The proofs and queries themselves stay in Redis, so none is
lost or duplicated if a token is lost, late or repeated. Tokens therefore need no late acknowledgement and no visibility
timeout. The broker is the store's Redis, unless `BROKER_URL` names another Redis or RabbitMQ.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import structlog
from celery import Celery
from celery.loaders.app import AppLoader
from kombu.exceptions import OperationalError

from farm.sentinels import is_sentinel, parse_sentinels
from farm.settings import Settings
from farm.sockets import CHECK_EVERY_S, CONNECT_S, SILENCE_S, keepalive

LEAN_TASK = "lean.work"
EMBED_TASK = "embed.work"
PREMISES_TASK = "premises.work"
EMBED_QUEUE = "embed"
PREMISES_QUEUE = "premises"

# A process may load Mathlib or an index before its first task. With Celery's default of 4 s it would count as hung.
_PROCESS_START_TIMEOUT_S = 1800
_REDIS_TRANSPORT: dict[str, Any] = {
    "socket_timeout": SILENCE_S,
    "socket_connect_timeout": CONNECT_S,
    "socket_keepalive": True,
    "socket_keepalive_options": keepalive(),
    # kombu checks at this interval whether its blocking read is overdue. A silent connection is therefore noticed
    # after twice the interval and one second at most.
    "health_check_interval": CHECK_EVERY_S,
    # A token needs no acknowledgement, but kombu would emulate one. If this acknowledgement got lost, the token would
    # count as running for ever, and a worker with one process would take no more tokens.
    "ack_emulation": False,
}
# If the connection is gone when a token is to be sent, Celery sends the token once more, on another connection.
_ONCE_MORE: dict[str, Any] = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
# Quorum queues live on a majority of brokers. They allow a prefetch count only per consumer. Celery detects this, but
# cannot switch prefetching off for such queues. Each process of a busy host may therefore hold back one token, which a
# process of an idle host could use. The idle process then waits until the reaper publishes another token.
_OF_RABBITMQ: dict[str, Any] = {
    "task_create_missing_queue_type": "quorum",
    # Celery prepares queues for delayed tasks, which the farm does not use. Classic queues are the cheapest kind.
    "broker_native_delayed_delivery_queue_type": "classic",
    # If the host of the broker vanishes silently, a process notices this after twice this many seconds.
    "broker_heartbeat": 15,
}

_log = structlog.get_logger()


def lean_queue(environment: str) -> str:
    """Return the name of the queue of one Lean environment."""
    return f"lean.{environment}"


def celery_app(settings: Settings) -> Celery:
    """Return the Celery app for the broker that the settings name. The app connects when it first publishes a token."""
    broker, options = _broker(settings.broker)
    # There are no fix-ups: if Django's variable is set, Celery's fix-up for Django imports from the working directory.
    app = Celery("leanfarm", broker=broker, loader=_Installed, fixups=())
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_delivery_mode="transient",
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        # Otherwise a worker that reconnects would take fewer tokens until its running tasks have ended.
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_proc_alive_timeout=_PROCESS_START_TIMEOUT_S,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        task_create_missing_queues=True,
        timezone="UTC",
        **options,
    )
    return app


def run_celery(app: Celery, *arguments: str) -> None:
    """Run a Celery command until it ends.

    Celery's command line would also read environment variables. This is switched off, for two reasons. Celery would use
    BROKER_URL as it stands, but the farm has to convert it first. And variables such as APP and LOADER may belong to
    other programs, but Celery would import what they name.
    """
    from celery.bin.celery import (
        celery,
    )  # this takes a third of a second, which a process that only publishes can save

    for option in celery.params:
        option.envvar = None
    app.start([f"--broker={app.conf.broker_url}", *arguments])


class _Installed(AppLoader):  # type: ignore[misc]  # Celery has no types
    """Imports modules only from where they are installed.

    Celery's own loader looks in the working directory first. A file there may have the name of a module.
    """

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:
        """Import a module as `import_module` does, without looking in the working directory first."""
        return self.import_module(module, package)


def _broker(url: str) -> tuple[str, dict[str, Any]]:
    """Return the URL of a broker in Celery's form, and the settings that a broker of its kind needs."""
    if is_rabbitmq(url):
        return url, _OF_RABBITMQ
    transport = _REDIS_TRANSPORT
    if is_sentinel(url):
        url, more = parse_sentinels(url).broker()
        transport = {**transport, **more}
    return url, {
        "worker_disable_prefetch": True,
        "broker_transport_options": transport,
        # Errors such as UNBLOCKED and READONLY are over once the worker's parent process reconnects. By default they
        # would stop the parent.
        "broker_channel_error_retry": True,
    }


def is_rabbitmq(url: str) -> bool:
    """Whether the URL of a broker names RabbitMQ and not a Redis."""
    return urlsplit(url).scheme in {"amqp", "amqps", "pyamqp"}


class Tokens:
    """Publishes tokens through one connection, which is kept open."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, task: str, queue: str, count: int = 1) -> None:
        """Publish `count` tokens, which say that there is work in a queue.

        If a token cannot be sent, this is not an error, because the reaper replaces lost tokens.
        """
        try:
            for _ in range(count):
                self._app.send_task(task, queue=queue, ignore_result=True, retry=True, retry_policy=_ONCE_MORE)
        except OperationalError as error:
            _log.warning("token.not_sent", queue=queue, error=str(error))

    def room(self, name: str) -> None:
        """Publish a token for a room (`embed` or `premises`) in which premise queries wait."""
        self.publish(f"{name}.work", name)

    def lean(self, environment: str, count: int = 1) -> None:
        """Publish `count` tokens for a Lean environment in which proofs wait."""
        self.publish(LEAN_TASK, lean_queue(environment), count)
