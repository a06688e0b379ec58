"""A load of premise queries: bodies of `POST /retrieve`, and how fast a server answers them."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvloop

from tests.bench import large_corpus

_HIDDEN = large_corpus.HIDDEN_MODULES
MODULES = range(_HIDDEN, _HIDDEN + large_corpus.MODULES)
"""Ids of the modules that hold premises; those before are hidden."""
DECLARED = range(_HIDDEN * large_corpus.HIDDEN_DECLARATIONS, 278_000)
BODIES = 64
CASES = {
    "a": "4 000 modules",
    "b": "+ 200 local, 50 new premises",
    "s": "350 modules",
    "all": "7 000 modules",
    "none": "no lists: the whole corpus",
    "m": "4 000 modules, module system",
    "v": "4 000 modules, others each time",
}

Body = dict[str, Any]


@dataclass
class Answers:
    """The results of a load: seconds of each request, and how many were not answered with 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    total_s: float = 0

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.seconds) * 1000

    @property
    def per_second(self) -> float:
        return (len(self.seconds) - self.failed) / self.total_s


def bodies(case: str) -> list[Body]:
    """Return 64 bodies with 64 goals."""
    rng = random.Random(1)
    many, few = sorted(rng.sample(MODULES, 4000)), sorted(rng.sample(MODULES, 350))
    local = rng.sample(DECLARED, 200)
    lists: dict[str, Body] = {
        "s": {"imported_modules": few},
        "all": {"imported_modules": list(MODULES)},
        "none": {"imported_modules": None, "local_premises": None},
        "b": {"imported_modules": many, "local_premises": local, "new_premises": _new()},
        "m": {"imported_modules": many, "caller_in_module_system": True},
    }
    found = [_body(at) | lists.get(case, {"imported_modules": many}) for at in range(BODIES)]
    if case == "v":
        found = [body | {"imported_modules": sorted(rng.sample(MODULES, 4000))} for body in found]
    return found


def _body(at: int) -> Body:
    goal = f"α : Type u_1\ninst : CommRing α\na b c : α\nh{at} : a * b = {at}\n⊢ a + b * c = b * c + a"
    lists: Body = {"local_premises": [], "imported_modules": [], "new_premises": [], "imported_all_modules": []}
    return {"state": goal, "k": 32, "caller_in_module_system": False, **lists}


def _new() -> list[dict[str, str]]:
    decl = "theorem {0} (a b c : Nat) (h : LE.le a b) : Eq (HAdd.hAdd a (HAdd.hAdd b c)) (HAdd.hAdd c b) {0}"
    return [{"name": f"My.new_{at}", "decl": decl.format(f"My.new_{at}")} for at in range(50)]


def load(url: str, sent: list[Body], connections: int, requests: int) -> Answers:
    """Send this many requests over this many kept-alive connections, one after the other on each."""
    packed = [orjson.dumps(body) for body in sent]
    return uvloop.run(_load(url, packed, connections, requests))


async def _load(url: str, sent: list[bytes], connections: int, requests: int) -> Answers:
    answers, left = Answers(), iter(range(requests))
    started = time.perf_counter()
    await asyncio.gather(*(_connection(url, sent, left, answers) for _ in range(connections)))
    answers.total_s = time.perf_counter() - started
    return answers


async def _connection(url: str, sent: list[bytes], left: Iterator[int], answers: Answers) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
    for at in left:
        started = time.perf_counter()
        status = await _request(reader, writer, sent[at % len(sent)])
        answers.seconds.append(time.perf_counter() - started)
        answers.failed += status != 200
    writer.close()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    head = b"POST /retrieve HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % len(body) + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0]))
    return int(answer.split(b" ", 2)[1])
