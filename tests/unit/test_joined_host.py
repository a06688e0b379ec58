"""A host that has joined a farm asks the farm now and then whether it has restarted, and stays meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.client import AsyncFarm
from farm.errors import Forbidden
from farm.local.joined import JoinedHost
from farm.models import HostSettings
from farm.settings import Settings
from tests.unit.client.scripted_farm import Scripted, answer, refuse, serve

FOUND = HostSettings(version="1", redis_url="redis://a", broker_url="redis://a", settings={})


async def settings_after(tmp_path: Path, *answers: Scripted) -> HostSettings:
    """Return what a host that has joined takes for the farm's settings after such answers."""
    with serve() as farm:
        farm.script(*answers)
        client = AsyncFarm(farm.url, retries=0)
        host = JoinedHost(Settings(data_dir=tmp_path, lean_workers=1, _env_file=None), FOUND, client, print)
        try:
            return await host._ask()
        finally:
            await client.aclose()


@pytest.mark.parametrize(
    "trouble",
    [
        refuse(429, "rate_limited", Retry_After="1"),
        refuse(500, "internal"),
        refuse(404, "not_found"),
        answer("<html>", 200),
        answer({}, 502),
    ],
)
async def test_a_farm_in_trouble_or_of_the_last_release_keeps_its_host(tmp_path: Path, trouble: Scripted) -> None:
    assert await settings_after(tmp_path, trouble) == FOUND


async def test_a_key_that_may_no_longer_join_ends_the_host(tmp_path: Path) -> None:
    with pytest.raises(Forbidden):
        await settings_after(tmp_path, refuse(403, "forbidden"))
