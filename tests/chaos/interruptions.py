"""What may happen between a farm and its store, as data: a name, and a function that makes it happen."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil

from tests.chaos.ground import Ground
from tests.support.proxy import Chosen, Link, everyone

Strike = Callable[[Ground, random.Random], float]


@dataclass(frozen=True)
class Interruption:
    """One thing that happens.

    Attributes:
        name: as the table shows it.
        strike: makes it happen; returns when it was over, or, if it has no end, when it began, on the monotonic clock.
        is_short: whether it takes so little time that a thousand of them can be run.
    """

    name: str
    strike: Strike
    is_short: bool = True


def _some(ground: Ground, rng: random.Random) -> Chosen:
    """Choose the connections of some processes, or each one by chance."""
    parents = ground.parents()
    children = [child for parent in parents for child in parent.children()]
    api, reaper = ground.ill.service("-m", "api"), ground.ill.service("-m", "workers.reaper")
    who = rng.choice([parents, children, [api], [reaper], [rng.choice(parents)], None])
    if who is None:
        return lambda _: rng.random() < 0.5
    held = set(ground.links_of(*who))
    return lambda link: link in held


def _cut_some(ground: Ground, rng: random.Random) -> float:
    ground.proxy.cut(_some(ground, rng), reset=rng.random() < 0.5)
    return time.monotonic()


def _cut_all(ground: Ground, rng: random.Random) -> float:
    ground.proxy.cut(reset=rng.random() < 0.5)
    return time.monotonic()


def _cut_replies(ground: Ground, rng: random.Random) -> float:
    ground.proxy.cut_replies(rng.randrange(60), rng.choice([everyone, _some(ground, rng)]))
    time.sleep(rng.uniform(0.2, 1.5))
    ground.proxy.cut(lambda link: link.cut_after is not None)
    return time.monotonic()


def _cut_again(ground: Ground, rng: random.Random) -> float:
    for _ in range(rng.randrange(2, 8)):
        ground.proxy.cut(reset=rng.random() < 0.5)
        time.sleep(rng.choice([0.002, 0.01, 0.05, 0.2, 1.0]) * rng.uniform(0.5, 1.5))
    return _cut_all(ground, rng)


def _client_kill(ground: Ground, _: random.Random) -> float:
    for kind in ("normal", "pubsub"):
        ground.store.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    return time.monotonic()


def _client_unblock(ground: Ground, _: random.Random) -> float:
    for client in ground.store.client_list():
        if "b" in client["flags"]:
            ground.store.execute_command("CLIENT", "UNBLOCK", client["id"], "ERROR")
    return time.monotonic()


def _client_pause(ground: Ground, rng: random.Random) -> float:
    seconds = rng.uniform(1, 12)
    ground.store.execute_command("CLIENT", "PAUSE", int(seconds * 1000), rng.choice(["ALL", "WRITE"]))
    time.sleep(seconds)
    return time.monotonic()


def _refuse(seconds: float, ground: Ground, _: random.Random) -> float:
    ground.proxy.refuse()
    time.sleep(seconds)
    ground.proxy.listen()
    return time.monotonic()


def _silence(seconds: float, ground: Ground, rng: random.Random) -> float:
    silent = set(ground.proxy.silence(rng.choice([everyone, _some(ground, rng)])))
    time.sleep(seconds)
    ground.proxy.cut(lambda link: link in silent, reset=rng.random() < 0.5)
    return time.monotonic()


def _silence_left_so(ground: Ground, rng: random.Random) -> float:
    began = time.monotonic()
    ground.proxy.silence(rng.choice([everyone, _some(ground, rng)]))
    return began


def _black_hole(is_closed: bool, ground: Ground, rng: random.Random) -> float:
    ground.proxy.takes_in_vain = True
    ground.proxy.cut()
    time.sleep(rng.uniform(3, 20))
    ground.proxy.takes_in_vain = False
    if is_closed:
        ground.proxy.cut(_is_silent)
    return time.monotonic()


def _is_silent(link: Link) -> bool:
    return link.is_silent


def _stop(ground: Ground, rng: random.Random) -> float:
    """Stop a parent, with or without its processes, or one of these; all connections may be cut meanwhile."""
    parent = rng.choice(ground.parents())
    asleep: list[psutil.Process] = rng.choice([[parent], [parent, *parent.children()], parent.children()[:1]])
    seconds = rng.uniform(1, 18)
    for process in asleep:
        process.suspend()
    time.sleep(seconds / 2)
    if rng.random() < 0.5:
        ground.proxy.cut()
    time.sleep(seconds / 2)
    for process in asleep:
        process.resume()
    return time.monotonic()


def _kill_and_cut(ground: Ground, rng: random.Random) -> float:
    deeds: list[Callable[[], None]] = [rng.choice(rng.choice(ground.parents()).children()).kill, ground.proxy.cut]
    rng.shuffle(deeds)
    for deed in deeds:
        deed()
        time.sleep(rng.choice([0, 0.01, 0.1, 0.5]))
    return time.monotonic()


def _restart(ground: Ground, rng: random.Random) -> float:
    ground.restart_store(rng.choice([0, 0.5, 3, 8]))
    return time.monotonic()


def _fail_over(is_planned: bool, ground: Ground, rng: random.Random) -> float:
    ground.fail_over(rng.choice([0, 0.3, 1.5]), is_planned=is_planned)
    return time.monotonic()


INTERRUPTIONS = (
    Interruption("some connections cut", _cut_some),
    Interruption("all connections cut", _cut_all),
    Interruption("cut in the middle of a reply", _cut_replies),
    Interruption("cut again and again", _cut_again),
    Interruption("CLIENT KILL", _client_kill),
    Interruption("CLIENT UNBLOCK ERROR", _client_unblock),
    Interruption("CLIENT PAUSE, 1 to 12 s", _client_pause),
    Interruption("refused for 1 s", partial(_refuse, 1)),
    Interruption("refused for 5 s", partial(_refuse, 5)),
    Interruption("refused for 20 s", partial(_refuse, 20)),
    Interruption("silent for 5 s, then closed", partial(_silence, 5)),
    Interruption("silent for 60 s, then closed", partial(_silence, 60), is_short=False),
    Interruption("silent for 120 s, then closed", partial(_silence, 120), is_short=False),
    Interruption("silent for good", _silence_left_so),
    Interruption("a black hole for 3 to 20 s, then closed", partial(_black_hole, True)),
    Interruption("a black hole for 3 to 20 s, accepted connections stay silent", partial(_black_hole, False)),
    Interruption("SIGSTOP, 1 to 18 s", _stop),
    Interruption("a process killed, all connections cut", _kill_and_cut),
    Interruption("the store killed and started", _restart),
    Interruption("a planned failover", partial(_fail_over, True)),
    Interruption("a failover, the primary killed", partial(_fail_over, False)),
)
