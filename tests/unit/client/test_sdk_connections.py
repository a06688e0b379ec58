"""The connections of a client: how many it may have, and what is wrong with the variables that shape them."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from farm.client.frameworks.answer_judge import shared_judge
from farm.errors import ConfigurationError
from tests.unit.client.conftest import Connect, Driver, settled
from tests.unit.client.scripted_farm import ScriptedFarm, answer, line, results, status_json, stream, verdict_json

STREAMS = 101


async def test_any_number_of_readers_may_call_the_farm(scripted: ScriptedFarm, driver: Driver) -> None:
    """httpx gives a client 100 connections, and a stream keeps its connection as long as its reader works."""
    scripted.script(*[stream(line(0, 1), {"cursor": "9-0", "done": True})] * STREAMS, answer(status_json("b")))
    readers = [driver.farm.batch("b").results() for _ in range(STREAMS)]

    async with asyncio.timeout(90):
        found = [await settled(next_of(reader)) for reader in readers]
        status = await settled(driver.farm.batch("b").status())

    assert [each.index for each in found] == [0] * STREAMS
    assert status.batch_id == "b"
    for reader in readers:
        await settled(reader.aclose() if hasattr(reader, "aclose") else reader.close())


def next_of(reader: Any) -> Any:
    return anext(reader) if hasattr(reader, "__anext__") else next(reader)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NO_PROXY", "localhost,127.0.0.0/8,::1/128"),
        ("ALL_PROXY", "socks4://user:secret@proxy.example"),
        ("all_proxy", "socks4://user:secret@proxy.example"),
        ("SSL_CERT_FILE", "/nonexistent.pem"),
    ],
)
async def test_a_variable_that_cannot_be_used_is_named(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    driver = connect("https://farm.example")

    with pytest.raises(ConfigurationError, match=name.upper()) as caught:
        await driver.call("workers")
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_judges_of_one_kind_share_their_connections(
    scripted: ScriptedFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_URL", scripted.url)
    scripted.script(*[results(verdict_json(0))] * 2)

    for _ in range(2):
        await shared_judge("checked", "judges-of-one-kind", 5).judge("rfl", "theorem two : 1 + 1 = 2")

    assert len({asked.port for asked in scripted.asked}) == 1
