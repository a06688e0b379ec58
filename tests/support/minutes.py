"""Samples of the history without a wait: the last look is dated back by a minute, so a reaper looks again at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

from farm.alarms import Watch
from farm.history import KEPT_HOST_MINUTES, KEPT_MINUTES, Look
from farm.models import HostMinute, Minute
from farm.processes import own_module
from farm.store.codec import pack, unpack
from farm.store.history import keep
from tests.support.open_store import OpenStore, open_store
from tests.support.running import RunningFarm, await_true


def await_quiet(client: OpenStore, left_s: int) -> None:
    """Wait until the present minute lasts at least this many seconds more, so that it does not end during a test."""
    await_true(lambda: client.time()[0] % 60 < 60 - left_s, "the next minute", left_s + 5)


def age(client: OpenStore, minutes: int = 1) -> None:
    """Move the whole history into the past by this many minutes."""
    kept = {name: value for name, value in client.hgetall("farm:history").items() if name[-1:].isdigit()}
    for slot in kept:
        client.hdel("farm:history", slot)
    for slot, stored in kept.items():
        sample = json.loads(stored)
        sample["at"] -= 60 * minutes
        ring, number = (b"hosts:", KEPT_HOST_MINUTES) if slot.startswith(b"hosts:") else (b"", KEPT_MINUTES)
        client.hset("farm:history", ring + str(sample["at"] // 60 % number).encode(), json.dumps(sample))
    look = unpack(client.hget("farm:history", "look"))
    look["at_ms"] -= 60_000 * minutes
    turn = int(client.hget("farm:history", "turn"))
    client.hset("farm:history", mapping={"look": pack(look), "turn": turn - minutes})


def pass_a_minute(farm: RunningFarm) -> None:
    """Start one more reaper, which looks at the store as if the previous look had been made a minute ago."""
    client = open_store(farm.redis_url)
    await_quiet(client, 15)
    turn = client.time()[0] // 60
    await_true(lambda: int(client.hget("farm:history", "turn") or 0) == turn, "the look of the farm's own reaper")
    age(client)
    with subprocess.Popen(own_module("workers.reaper"), env={**farm.environment, "REDIS_URL": farm.redis_url}) as more:
        try:
            await_true(lambda: int(client.hget("farm:history", "turn")) >= turn, "a reaper's look")
        finally:
            more.terminate()
    client.close()


def fill(farm: RunningFarm, minutes: Mapping[int, Minute]) -> None:
    """Replace the history with these minutes; a key says how many minutes ago its minute ended.

    The farm's own reaper adds the minutes that follow.
    """
    _keep(farm, minutes, {})


def fill_hosts(farm: RunningFarm, minutes: Mapping[int, dict[str, HostMinute]]) -> None:
    """Do the same as `fill` for the minutes of hosts; the farm's own minutes are empty."""
    _keep(farm, {ago: Minute(at=0) for ago in minutes}, minutes)


def _keep(farm: RunningFarm, minutes: Mapping[int, Minute], hosts: Mapping[int, dict[str, HostMinute]]) -> None:
    client = open_store(farm.redis_url)
    now = client.time()[0] // 60
    sampled = [name for name in client.hkeys("farm:history") if name.isdigit()]
    for slot in [*sampled, *(b"hosts:%d" % each for each in range(KEPT_HOST_MINUTES if hosts else 0))]:
        client.hdel("farm:history", slot)
    for ago in sorted(minutes, reverse=True):
        look = Look(at_ms=(now - ago) * 60_000)
        minute = minutes[ago].model_copy(update={"at": (now - ago - 1) * 60})
        keep(client, look, Watch(at_ms=look.at_ms), minute, hosts.get(ago, {}))
    client.close()
