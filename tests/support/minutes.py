"""The history without waiting: the store is told that its last look was a minute ago, and a reaper looks at once."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from farm.alarms import Watch
from farm.history import Look
from farm.models import HostMinute, Minute
from farm.processes import own_module
from farm.store.codec import pack, unpack
from farm.store.history import keep
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


def fill(farm: RunningFarm, minutes: Mapping[int, Minute]) -> int:
    """Keep minutes that ended so many minutes ago, as reapers would have; return the time at which the last one ended.

    The farm's own reaper goes on from there.
    """
    client = open_store(farm.redis_url)
    now = client.time()[0] // 60
    for ago in sorted(minutes, reverse=True):
        look = Look(at_ms=(now - ago) * 60_000)
        minute = minutes[ago].model_copy(update={"at": (now - ago - 1) * 60})
        hosts = {"here": HostMinute(processes=2, proofs=5)}
        keep(client, look, Watch(at_ms=look.at_ms), minute, hosts)
    client.close()
    return int(now * 60)
