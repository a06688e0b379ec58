"""The history in Redis: one hash with a slot for each minute of a day, so that each slot is overwritten once a day.

A minute's figures are the difference between two "looks" at the store, which a reaper makes a minute apart.
"""

from __future__ import annotations

from typing import cast

import orjson

from farm.alarms import Watch, alarms
from farm.history import KEPT_HOST_MINUTES, KEPT_MINUTES, MINUTE_S, Look
from farm.metric_series import BUCKETS_S
from farm.models import History, HistoryEvent, HostMinute, Minute
from farm.store.client import AsyncRedisClient, RedisClient
from farm.store.codec import Json, pack, unpack
from farm.store.connection import translated
from farm.store.events import KEPT_S
from farm.store.events import KEY as EVENTS
from farm.store.records import read_json_record, read_record
from farm.store.scenes import read_scene_now
from farm.store.scripts import Scripts

_KEY = "farm:history"


def read_last_look(client: RedisClient) -> Look | None:
    """Return the last look that was kept; None if there is none, or if this release cannot read it.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        packed = client.hget(_KEY, "look")
    try:
        return Look.model_validate(unpack(packed)) if packed else None
    except ValueError:
        # Another release wrote the look. One minute stays missing; this release makes the next look.
        return None


def keep(client: RedisClient, look: Look, watch: Watch, minute: Minute | None, hosts: dict[str, HostMinute]) -> bool:
    """Keep a look and the figures of the minute that ended with it.

    Returns:
        False if another reaper has already kept its look in this minute; then nothing is kept.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    number = look.minute - 1
    of_hosts = {"at": number * MINUTE_S, "hosts": {name: each.model_dump() for name, each in hosts.items()}}
    with translated():
        kept = Scripts(client).count(
            "sample",
            look.minute,
            pack(look.model_dump()),
            watch.model_dump_json(),
            _slot(number),
            minute.model_dump_json(exclude_defaults=True) if minute else "",
            _host_slot(number),
            orjson.dumps(of_hosts),
            KEPT_S,
        )
    return bool(kept)


def _slot(minute: int) -> str:
    return str(minute % KEPT_MINUTES)


def _host_slot(minute: int) -> str:
    return f"hosts:{minute % KEPT_HOST_MINUTES}"


async def read_history(client: AsyncRedisClient, minutes: int, *, with_hosts: bool) -> History:
    """Return the figures of the last minutes, the events in these minutes, and the alarms at present.

    Args:
        client: the API's client.
        minutes: how many minutes to return, from 1 to 1440. The present minute has not ended, so it does not count.
        with_hosts: whether to add the figures of each host.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    scene = await read_scene_now(client)
    end = scene.now_ms // (MINUTE_S * 1000)
    numbers = range(end - minutes, end)
    of_hosts = numbers[-KEPT_HOST_MINUTES:] if with_hosts else range(0)
    with translated():
        pipe = client.pipeline(transaction=False)
        pipe.hmget(_KEY, [*map(_slot, numbers), *map(_host_slot, of_hosts)])
        pipe.lrange(EVENTS, 0, -1)
        slots, events = cast("tuple[list[bytes | None], list[bytes]]", await pipe.execute())
    found = [_of(slot, number) for slot, number in zip(slots, [*numbers, *of_hosts], strict=True)]
    start = numbers.start * MINUTE_S
    return History(
        start=start,
        minutes=[read_record(Minute, each) if each else None for each in found[:minutes]],
        hosts=_by_host(found[minutes:]),
        events=[event for event in map(_event, events) if event and event.at >= start],
        alarms=list(alarms(scene).values()),
        bounds_s=list(BUCKETS_S),
    )


def _event(stored: bytes) -> HistoryEvent | None:
    return read_json_record(HistoryEvent, stored)


def _of(slot: bytes | None, minute: int) -> Json | None:
    """Return what a slot holds about a minute; None if the slot is empty, or still holds a minute of an earlier day."""
    fields: Json | None = orjson.loads(slot) if slot else None
    return fields if fields and fields.get("at") == minute * MINUTE_S else None


def _by_host(found: list[Json | None]) -> dict[str, list[HostMinute | None]]:
    names = sorted({name for each in found if each for name in each.get("hosts", {})})
    return {name: [_host_of(each, name) for each in found] for name in names}


def _host_of(fields: Json | None, name: str) -> HostMinute | None:
    """Return a host's figures for a minute.

    None means that nothing is known about the minute. If the host had no process, its figures are all zero.
    """
    return read_record(HostMinute, fields.get("hosts", {}).get(name, {})) if fields else None
