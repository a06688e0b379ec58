"""The farm's figures that are not about verdicts: what its processes have counted, and the age of the backlog."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, cast

from farm.store.client import AsyncRedisClient, Queue, RedisClient
from farm.store.connection import translated
from farm.store.priority_classes import PriorityClass

P = TypeVar("P", bound=Queue)

_KEY = "farm:figures"
# If the farm has more owners or lanes than this, the age of the backlog is read from the first ones only.
_MOST_LOOKED_AT = 200


def add_figures(client: RedisClient, counts: Mapping[str, int]) -> None:
    """Add a process's counts to the farm's figures.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if not counts:
        return
    with translated():
        _filled(client.pipeline(transaction=True), counts).execute()


async def add_figures_async(client: AsyncRedisClient, counts: Mapping[str, int]) -> None:
    """Add an API process's counts to the farm's figures.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    if not counts:
        return
    with translated():
        await _filled(client.pipeline(transaction=True), counts).execute()


def _filled(pipe: P, counts: Mapping[str, int]) -> P:
    for name, count in counts.items():
        pipe.hincrby(_KEY, name, count)
    return pipe


async def read_figures(client: AsyncRedisClient) -> dict[str, int]:
    """Return all counts since the farm began, by `SERIES:LABEL` and, for histograms, `SERIES:LABEL:BUCKET`."""
    with translated():
        return {name.decode(): int(count) for name, count in (await client.hgetall(_KEY)).items()}


async def read_queue_ages(client: AsyncRedisClient, environments: Iterable[str]) -> dict[str, float]:
    """Return, for each environment, the age in seconds of its oldest batch with a waiting proof; 0 if none waits."""
    with translated():
        seconds, _ = await client.time()
        return {name: await _age_s(client, name, seconds * 1000) for name in environments}


async def _age_s(client: AsyncRedisClient, environment: str, now_ms: int) -> float:
    places = [(c, o) for c in PriorityClass for o in await _members(client, [f"farm:owners:{environment}:{c}"])]
    ready = [f"farm:ready:{environment}:{c}:{owner}" for c, owner in places]
    lanes = [await client.zrange(key, 0, _MOST_LOOKED_AT) for key in ready[:_MOST_LOOKED_AT]]
    queues = [f"farm:queue:{x.decode()}:{c}:{o}" for (c, o), found in zip(places, lanes, strict=False) for x in found]
    pipe = client.pipeline(transaction=False)
    for batch in {*await _members(client, queues[:_MOST_LOOKED_AT])}:
        pipe.hget(f"farm:batch:{batch}", "created_ms")
    created = [int(each) for each in cast("list[bytes | None]", await pipe.execute()) if each]
    return max(0.0, (now_ms - min(created)) / 1000) if created else 0.0


async def _members(client: AsyncRedisClient, keys: Iterable[str]) -> list[str]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.zrange(key, 0, _MOST_LOOKED_AT)
    return [member.decode() for found in cast("list[list[bytes]]", await pipe.execute()) for member in found]
