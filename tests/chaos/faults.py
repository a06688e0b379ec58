"""The faults, as data: a name, a function that strikes, and what a machine must have for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
from redis.exceptions import RedisError

from farm.store.constants import LEASE_MS
from tests.chaos.victim import Victim, set_clock
from tests.support.running import await_true

# Errors that a strike may meet because another one struck before.
GONE = (psutil.Error, RedisError, httpx.TransportError, OSError, IndexError, StopIteration)
JUMP_S = 3600


@dataclass(frozen=True)
class Fault:
    """One thing that happens to a farm.

    Attributes:
        name: as the table shows it.
        strike: makes it happen; if it is a state and not an event, ends it again.
        possible: whether this victim can have it.
        touches_store: whether it fills the store or ends it; never two of these at once. A store that dies while its
            disk is full loses what it acknowledged just before, and the farm cannot know; a store that is restarted
            has forgotten the memory limit that was to be reached.
    """

    name: str
    strike: Callable[[Victim, random.Random], None]
    possible: Callable[[Victim], bool] = lambda _victim: True
    touches_store: bool = False


def _kill_repl(victim: Victim, rng: random.Random) -> None:
    rng.choice(victim.repls()).kill()


def _kill_child(victim: Victim, rng: random.Random) -> None:
    rng.choice(victim.lean_processes()).kill()


def _kill_worker(victim: Victim, rng: random.Random) -> None:
    """Parent and children at once, in either order."""
    parent = victim.lean_parent()
    doomed = [parent, *parent.children()]
    rng.shuffle(doomed)
    for process in doomed:
        process.kill()


def _kill_api(victim: Victim, _: random.Random) -> None:
    victim.service("-m", "api").kill()


def _kill_reaper(victim: Victim, _: random.Random) -> None:
    victim.service("-m", "workers.reaper").kill()


def _kill_store(victim: Victim, _: random.Random) -> None:
    victim.valkey().kill()


def _kill_supervisor(victim: Victim, _: random.Random) -> None:
    victim.farm.up.kill()
    victim.farm.up.wait(10)
    victim.up_again()


def _stop_worker(victim: Victim, rng: random.Random) -> None:
    """Stop the whole worker, or one Lean process with or without its REPL: without it, it wakes holding a verdict."""
    parent = victim.lean_parent()
    children = parent.children()
    child = rng.choice(children)
    groups = [[parent, *children], [child, *child.children(recursive=True)], [child], [child]]
    asleep = rng.choice(groups)
    for process in asleep:
        process.suspend()
    time.sleep(LEASE_MS / 1000 + 2)
    for process in asleep:
        process.resume()


def _cut_connections(victim: Victim, _: random.Random) -> None:
    store = victim.redis()
    for kind in ("normal", "pubsub"):
        store.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def _fill_memory(victim: Victim, rng: random.Random) -> None:
    """Let the store reach its memory limit: a submit is told so, and running work waits or goes on."""
    store = victim.redis()
    store.config_set("maxmemory", 1)
    try:
        answer = httpx.post(f"{victim.farm.url}/v1/batches", json={"proofs": [{"code": "example : True := trivial"}]})
        assert answer.status_code in (429, 503), f"a submit to a full store was answered {answer.status_code}"
        assert "Retry-After" in answer.headers
        assert answer.json()["error"]["code"] in ("rate_limited", "unavailable")
        time.sleep(rng.uniform(1, 6))
    finally:
        victim.redis().config_set("maxmemory", 0)


def _fill_disk(victim: Victim, rng: random.Random) -> None:
    ballast = victim.disk / "ballast"
    try:
        with ballast.open("wb") as file:
            while True:
                file.write(b"\0" * 4096)
                file.flush()
    except OSError:
        time.sleep(rng.uniform(1, 5))
    finally:
        ballast.unlink()
        # The store retries its failed writes a second later: until then its disk is as good as full.
        await_true(lambda: _persistence(victim)["aof_last_write_status"] == "ok", "a store that writes again")


def _persistence(victim: Victim) -> dict[str, Any]:
    """Return the store's own report on its writing to disk."""
    found: dict[str, Any] = victim.redis().info("persistence")
    return found


def _move_clock(victim: Victim, rng: random.Random) -> None:
    """Move the clock an hour forward or back at once, and back to the true time a little later."""
    assert victim.clock is not None
    set_clock(victim.clock, rng.choice([JUMP_S, -JUMP_S]))
    time.sleep(rng.uniform(1, 4))
    set_clock(victim.clock, 0)


FAULTS = (
    Fault("kill -9 of a REPL", _kill_repl),
    Fault("kill -9 of a prefork child", _kill_child),
    Fault("kill -9 of a whole worker", _kill_worker),
    Fault("kill -9 of the API", _kill_api),
    Fault("kill -9 of the reaper", _kill_reaper),
    Fault("kill -9 of Valkey", _kill_store, touches_store=True),
    Fault("kill -9 of the supervisor", _kill_supervisor, touches_store=True),
    Fault("SIGSTOP past the lease", _stop_worker),
    Fault("connections to Valkey cut", _cut_connections),
    Fault("Valkey's memory full", _fill_memory, touches_store=True),
    Fault("Valkey's disk full", _fill_disk, lambda victim: victim.has_small_disk, touches_store=True),
)
CLOCK = Fault("the clock jumps an hour", _move_clock)
