"""Takes a sample for the history each minute. Of several reapers, the first one in a minute takes it."""

from __future__ import annotations

import time
from dataclasses import replace

from farm.alarms import Scene, Watch, alarms
from farm.history import MINUTE_S, Look, comings_and_goings, deaf_workers, hosts_between, minute_between
from farm.models import HistoryEvent
from farm.store.client import RedisClient
from farm.store.events import add_events
from farm.store.history import keep, read_last_look
from farm.store.scenes import look, read_names_now


class Sampler:
    """Looks at the store when a minute begins by the store's clock, and saves the figures of the minute before.

    A `Look` is what one reading of the store found.
    """

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._due_at = time.monotonic()

    def sample_if_due(self) -> None:
        """Take a sample if a new minute has begun.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        if time.monotonic() < self._due_at:
            return
        names = read_names_now(self._client)
        self._due_at = time.monotonic() + MINUTE_S - names.now_ms / 1000 % MINUTE_S
        # Another reaper may already have taken the sample of this minute.
        if names.turn != str(names.now_ms // (MINUTE_S * 1000)):
            self._keep(read_last_look(self._client), *look(self._client, names))

    def _keep(self, before: Look | None, scene: Scene, now: Look) -> None:
        watch, begun = _watch(before, scene, now)
        minute = minute_between(before, now)
        hosts = hosts_between(before, now) if before and minute else {}
        if keep(self._client, now, watch, minute, hosts):
            add_events(self._client, [*comings_and_goings(before, now), *begun])


def _watch(before: Look | None, scene: Scene, now: Look) -> tuple[Watch, list[HistoryEvent]]:
    """Return the `Watch` to save, and an event for each alarm that has begun.

    Until the next look, the alarms are computed from the `Watch` that is saved now.
    """
    known = scene.watch.since_ms if scene.watch else {}
    # The scene has the `Watch` of the last look. Replace it by a new one: its time shows that a reaper is at work now,
    # and it names the processes that are deaf now (idle although work waits).
    deaf = deaf_workers(before, now)
    seen = replace(scene, watch=Watch(at_ms=now.at_ms, deaf=deaf, since_ms=known))
    found = alarms(seen)
    since_ms = {name: known.get(name, now.at_ms) for name in found}
    begun = [each for name, each in found.items() if name not in known]
    events = [HistoryEvent(at=now.at_ms / 1000, kind=each.kind, text=each.text) for each in begun]
    return Watch(at_ms=now.at_ms, deaf=deaf, since_ms=since_ms), events
