"""More connections than a process has descriptors for: each is answered, and afterwards the API serves as before."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from farm import descriptors
from tests.security.service.conftest import api_process
from tests.support.running import RunningFarm, await_true

LIMIT = 256
CLIENTS = 600
FEW = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))"
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def poor(farm: RunningFarm) -> Iterator[str]:
    """An API process of the shared farm that may open few descriptors."""
    with api_process(farm.redis_url, before=FEW) as url:
        yield url


async def ask(url: str, opened: asyncio.Barrier, request: bytes) -> tuple[int, str]:
    """Connect, ask when all have connected, and return the status and when to come back."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    await opened.wait()
    writer.write(request)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    json.loads(await reader.readexactly(int(fields["content-length"])))
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), fields.get("retry-after", "")


async def ask_at_once(url: str, request: bytes) -> Counter[tuple[int, str]]:
    opened = asyncio.Barrier(CLIENTS)
    return Counter(await asyncio.gather(*(ask(url, opened, request) for _ in range(CLIENTS))))


@pytest.mark.parametrize("body_bytes", [0, 200_000])
async def test_everybody_is_answered_and_nobody_is_reset(poor: str, body_bytes: int) -> None:
    request = REQUEST
    if body_bytes:
        body = json.dumps({"state": "x" * body_bytes, "k": 0}).encode()
        head = f"POST /retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body

    answered = await ask_at_once(poor, request)

    assert answered.total() == CLIENTS
    assert answered[503, "1"] > 0
    served = answered.total() - answered[503, "1"]
    assert served >= LIMIT // 4

    async with httpx.AsyncClient() as client:
        after = [(await client.get(f"{poor}/readyz")).status_code for _ in range(50)]
    assert set(after) == {200}


async def test_who_connects_and_says_nothing_is_told_as_well(poor: str) -> None:
    address = urlsplit(poor)
    silent = [await asyncio.open_connection(address.hostname, address.port) for _ in range(LIMIT)]
    told = await asyncio.wait_for(silent[-1][0].read(), 30)
    for _, writer in silent:
        writer.close()

    assert told.startswith(b"HTTP/1.1 503 ")

    # In a thread: closing takes this one's event loop.
    def serves() -> bool:
        return httpx.get(f"{poor}/readyz").status_code == 200

    await asyncio.to_thread(await_true, serves, "it serves again")


def test_the_limit_and_its_use_are_shown(poor: str, farm: RunningFarm) -> None:
    lines = httpx.get(f"{poor}/metrics").text.splitlines()
    shown = dict(line.rsplit(" ", 1) for line in lines if line.startswith("process_"))
    assert float(shown["process_max_fds"]) == LIMIT
    assert 0 < float(shown["process_open_fds"]) < LIMIT

    findings = json.loads(farm.command("doctor", "--json").stdout)
    [found] = [finding["found"] for finding in findings if finding["subject"] == "descriptors"]
    assert f"a process may have {descriptors.limit()}; the farm's " in found


def test_processes_use_what_the_system_grants(farm: RunningFarm) -> None:
    limits = {tuple(process.rlimit(7)) for process in farm.processes() if "repl" not in " ".join(process.cmdline())}
    assert limits
    assert {soft == hard for soft, hard in limits} == {True}
