"""The events of the last day: drains, processes that came or went, and alarms that began.

They explain the figures in the history, which covers the last day too.
"""

from __future__ import annotations

from farm.models import HistoryEvent
from farm.store.client import RedisClient, in_ms
from farm.store.connection import translated

KEY = "farm:events"
KEPT_S = 86_400 + 3_600
_MOST = 500


def add_event(client: RedisClient, kind: str, text: str) -> None:
    """Add an event, dated with the present time.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        event = HistoryEvent(at=in_ms(client.time()) / 1000, kind=kind, text=text)
    add_events(client, [event])


def add_events(client: RedisClient, events: list[HistoryEvent]) -> None:
    """Add events that are given in order of time.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if not events:
        return
    with translated():
        pipe = client.pipeline(transaction=True)
        pipe.rpush(KEY, *(event.model_dump_json() for event in events))
        pipe.ltrim(KEY, -_MOST, -1)
        pipe.expire(KEY, KEPT_S)
        pipe.execute()
