"""API keys that are paused because a canary has been accepted.

A canary is a false proof that the farm mixes into a key's batch. If a worker accepts a canary, the farm runs no work of
this key until an operator has looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from farm.store.client import AsyncRedisClient, RedisClient
from farm.store.connection import translated
from farm.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Alarms:
    """Figures about canaries and paused keys.

    Attributes:
        judged: how many canaries have been judged, by outcome.
        paused: how many keys are paused.
    """

    judged: dict[str, int]
    paused: int


def read_paused(client: RedisClient) -> dict[str, str]:
    """Return, for each paused key, the batch whose canary was accepted."""
    with translated():
        return {owner.decode(): batch.decode() for owner, batch in client.hgetall("farm:paused").items()}


def resume(client: RedisClient, owner: str) -> bool:
    """End the pause of a key, in every environment; return whether the key was paused."""
    with translated():
        return bool(Scripts(client).run("resume", owner))


async def read_alarms(client: AsyncRedisClient) -> Alarms:
    """Return the figures about canaries, over the API's client."""
    names = ("accepted", "rejected", "undecided")
    with translated():
        pipe = client.pipeline(transaction=False)
        pipe.hmget("farm:counters", [f"canaries_{name}" for name in names])
        pipe.hlen("farm:paused")
        counts, paused = cast("tuple[list[bytes | None], int]", await pipe.execute())
    values = [int(count or 0) for count in counts]
    return Alarms(dict(zip(names, values, strict=True)), paused)
