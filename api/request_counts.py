"""Counts requests by route for /metrics.

The counts are kept in memory, and added to the farm's figures in the store every two seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farm.errors import StoreUnavailable
from farm.metric_series import MetricSeries, names_of
from farm.store.client import AsyncRedisClient
from farm.store.metric_counts import add_figures_async

_EVERY_S = 2.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"


class RequestCounts:
    """The request counts of one API process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def observe(self, label: str, seconds: float) -> None:
        """Put a duration into the histogram of a label."""
        bucket, total = names_of(MetricSeries.HTTP, label, seconds)
        self._counts[bucket] += 1
        self._counts[total] += int(seconds * 1e6)

    async def report(self, client: AsyncRedisClient) -> None:
        """Add the counts to the farm's figures every two seconds until cancelled; keep them if the store is away."""
        while True:
            await asyncio.sleep(_EVERY_S)
            counted, self._counts = self._counts, Counter()
            try:
                await add_figures_async(client, counted)
            except StoreUnavailable:
                self._counts.update(counted)


class CountedRequests:
    """Measures how long each request takes until its answer begins.

    The rest of the answer does not count, because a stream of results lasts as long as its batch.

    A label consists of the route's template, the method and the class of the status. So there are few labels, however
    many paths clients ask for.

    Args:
        app: the app that answers.
        counts: the counts to add to.
    """

    def __init__(self, app: ASGIApp, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._counts.observe(_label(scope, status), time.monotonic() - started)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            if not status:  # an uncaught exception, which an outer layer answers
                self._counts.observe(_label(scope, 500), time.monotonic() - started)
            raise


def _label(scope: Scope, status: int) -> str:
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    # If no route matched, the label does not contain the path: a client may have made the path up.
    route = getattr(scope.get("route"), "path", "") or _OTHER
    # A colon would end the label (farm/metric_series.py).
    return f"{method} {route.replace(':', '_')} {status // 100}xx"
