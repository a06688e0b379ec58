"""The history in Redis: one hash that holds a ring of a day's minutes; each slot is written once a day."""

from __future__ import annotations

from typing import cast

import orjson

from farm.alarms import Watch, alarms
from farm.history import KEPT_HOST_MINUTES, KEPT_MINUTES, MINUTE_S, Look
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
    """Return the last look that was kept; None if there is none that this release can read.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with translated():
        packed = client.hget(_KEY, "look")
    try:
        return Look.model_validate(unpack(packed)) if packed else None
    except ValueError:
        # Another release wrote it. One minute is missing, and the next look is ours.
        return None


def keep(client: RedisClient, look: Look, watch: Watch, minute: Minute | None, hosts: dict[str, HostMinute]) -> bool:
    """Keep a look, and the minute that ended with it; return False if another reaper was faster.

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
    """Return the last minutes, what happened in them, and the alarms of this moment.

    Args:
        client: the API's client.
        minutes: how many minutes, from 1 to 1440; the present minute, which has not ended, is not among them.
        with_hosts: whether to add each host's minutes.

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
    )


def _event(stored: bytes) -> HistoryEvent | None:
    return read_json_record(HistoryEvent, stored)


def _of(slot: bytes | None, minute: int) -> Json | None:
    """Return what a slot holds about a minute; None if the slot still holds the minute of an earlier day."""
    fields: Json | None = orjson.loads(slot) if slot else None
    return fields if fields and fields.get("at") == minute * MINUTE_S else None


def _by_host(found: list[Json | None]) -> dict[str, list[HostMinute | None]]:
    names = sorted({name for each in found if each for name in each.get("hosts", {})})
    return {name: [_host_of(each, name) for each in found] for name in names}


def _host_of(fields: Json | None, name: str) -> HostMinute | None:
    """Return a host's minute: None if nothing is known, and an empty one if the host had no process."""
    return read_record(HostMinute, fields.get("hosts", {}).get(name, {})) if fields else None
