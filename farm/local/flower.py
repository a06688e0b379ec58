"""`python -m farm.local.flower`: runs Flower, which shows the Celery workers of the farm's broker.

Flower's own options come from the environment (FLOWER_ADDRESS, FLOWER_PORT, FLOWER_BASIC_AUTH).
"""

from __future__ import annotations

import os
import sys

from flower.urls import handlers
from flower.views.monitor import Metrics
from tornado.web import authenticated

from farm import descriptors
from farm.celery_app import celery_app, run_celery
from farm.errors import ConfigurationError
from farm.processes import keep_loaded
from farm.settings import load


class _ClosedMetrics(Metrics):  # type: ignore[misc]  # Flower has no types
    """Puts Flower's metrics behind the login. Flower itself asks for a login only on its pages and its API."""

    @authenticated
    async def get(self) -> None:
        await super().get()


def main() -> None:
    """Run Flower until SIGTERM; exit with a message if no login is set."""
    if not os.environ.get("FLOWER_BASIC_AUTH"):
        sys.exit("Without a login anyone who reaches Flower can stop workers: set FLOWER_BASIC_AUTH=USER:PASSWORD")
    descriptors.raise_limit()
    keep_loaded()
    try:
        app = celery_app(load())
    except ConfigurationError as error:
        sys.exit(error.message)
    handlers.insert(0, ("/metrics", _ClosedMetrics))  # Tornado takes the first handler that matches.
    run_celery(app, "flower")


if __name__ == "__main__":
    main()
