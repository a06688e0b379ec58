"""The list on which an API process waits for replies: none is lost, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import uvloop

from api.replies import Replies
from farm.errors import StoreUnavailable
from farm.store.connection import connect_async, translated
from tests.browser.proxy import StallingProxy
from tests.support.open_store import OpenStore, open_store
from tests.support.running import await_true

PATIENCE_S = 20
ROUNDS = 5


@pytest.fixture
def store(valkey_url: str) -> Iterator[OpenStore]:
    client = open_store(valkey_url)
    client.flushall()
    yield client
    client.close()


def readers(store: OpenStore) -> list[int]:
    """Return the connections that wait for a reply."""
    return [each["id"] for each in store.client_list() if each["cmd"] == "blmove" and "b" in each["flags"]]


def kill(store: OpenStore) -> None:
    for each in readers(store):
        store.client_kill_filter(_id=each)


def let_go(store: OpenStore) -> None:
    for each in readers(store):
        store.client_unblock(each, error=True)


def demote(store: OpenStore) -> None:
    """Do what a planned failover does to who waits."""
    store.replicaof("127.0.0.1", "1")
    store.replicaof("NO", "ONE")


def fill_up(store: OpenStore) -> None:
    """Have the store refuse what takes memory, as long as it takes the API to notice."""
    store.config_set("maxmemory", 1)
    let_go(store)
    await_true(lambda: not readers(store), "it cannot wait")


def write_nonsense(store: OpenStore) -> None:
    [key] = store.keys("farm:reply:*") or [b""]
    if key:
        store.rpush(key, b"\xff", b"", b":::", b"batch:")


async def each_is_handed_over(store: OpenStore, url: str, fault: Callable[[OpenStore], None]) -> None:
    client = connect_async(url)
    replies = Replies(client)
    async with replies.reading():
        for at in range(ROUNDS):
            with replies.expect(f"retrieval:{at}") as before, replies.expect(f"batch:{at}") as after:
                store.rpush(replies.key, f"retrieval:{at}:one".encode())
                await asyncio.to_thread(fault, store)
                store.rpush(replies.key, f"batch:{at}:two:three".encode(), f"retrieval:{at}:again".encode())
                store.config_set("maxmemory", 0)
                async with asyncio.timeout(PATIENCE_S):
                    assert (await before, await after) == (b"one", b"two:three")
        await asyncio.to_thread(await_true, lambda: not store.llen(replies.key), "what was handed over is taken away")
    await client.aclose()


@pytest.mark.parametrize("fault", [kill, let_go, demote, write_nonsense])
def test_no_reply_is_lost(store: OpenStore, valkey_url: str, fault: Callable[[OpenStore], None]) -> None:
    uvloop.run(each_is_handed_over(store, valkey_url, fault))


def test_replies_are_read_from_a_full_store(store: OpenStore, valkey_url: str) -> None:
    """What works off what is there must run on, or the store could never empty."""

    async def read() -> None:
        client = connect_async(valkey_url)
        replies = Replies(client)
        async with replies.reading():
            await asyncio.to_thread(await_true, lambda: readers(store), "it waits")
            with replies.expect("batch:1") as future:
                store.rpush(replies.key, *(f"batch:{at}:x".encode() for at in range(250, 0, -1)))
                await asyncio.to_thread(fill_up, store)
                async with asyncio.timeout(PATIENCE_S):
                    assert await future == b"x"
            await asyncio.to_thread(await_true, lambda: not store.llen(replies.key), "all are taken away")
        await client.aclose()

    try:
        uvloop.run(read())
    finally:
        store.config_set("maxmemory", 0)


def test_no_reply_is_lost_in_a_connection_that_is_silent(store: OpenStore, valkey_url: str) -> None:
    with StallingProxy(valkey_url).running() as proxy:
        port = proxy.url.rpartition(":")[2]
        url = f"{valkey_url.rpartition(':')[0]}:{port}/0"
        uvloop.run(each_is_handed_over(store, url, lambda _: proxy.stall()))


def test_a_connection_reset_before_a_write_is_a_store_that_does_not_answer(valkey_url: str) -> None:
    async def write() -> None:
        host, port = "127.0.0.1", int(valkey_url.rpartition(":")[2].partition("/")[0])
        _, writer = await asyncio.open_connection(host, port)
        writer.transport.abort()
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable), translated():
            writer.write(b"PING\r\n")

    uvloop.run(write())


def test_a_side_task_that_ends_ends_the_process() -> None:
    program = """
import asyncio
from api.background_tasks import start_vital

async def ended(fails):
    if fails:
        raise ValueError("as told")

async def main(fails):
    start_vital("reader", ended(fails))
    await asyncio.sleep(30)

import sys
asyncio.run(main(sys.argv[1] == "fails"))
"""
    for how in ("fails", "returns"):
        run = subprocess.run(
            [sys.executable, "-c", program, how], capture_output=True, text=True, timeout=30, check=False
        )
        assert run.returncode == 70, run.stderr
        assert "reader" in run.stdout + run.stderr
