"""The history without waiting: the store is told that its last look was a minute ago, and a reaper looks at once."""

from __future__ import annotations

import subprocess

from farm.processes import own_module
from farm.store.codec import pack, unpack
from tests.support.open_store import OpenStore, open_store
from tests.support.running import RunningFarm, await_true


def age(client: OpenStore, minutes: int = 1) -> None:
    """Move the last look back."""
    look = unpack(client.hget("farm:history", "look"))
    look["at_ms"] -= 60_000 * minutes
    turn = int(client.hget("farm:history", "turn"))
    client.hset("farm:history", mapping={"look": pack(look), "turn": turn - minutes})


def pass_a_minute(farm: RunningFarm) -> None:
    """Have one more reaper of a farm look at its store, as if the look before had been made a minute ago."""
    client = open_store(farm.redis_url)
    await_true(lambda: client.hexists("farm:history", "look"), "the farm's own reaper has looked")
    turn = int(client.hget("farm:history", "turn"))
    age(client)
    with subprocess.Popen(own_module("workers.reaper"), env={**farm.environment, "REDIS_URL": farm.redis_url}) as more:
        try:
            await_true(lambda: int(client.hget("farm:history", "turn")) >= turn, "a reaper's look")
        finally:
            more.terminate()
    client.close()
