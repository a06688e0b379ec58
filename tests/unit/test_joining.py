"""What a host that joins is told, for each kind of store."""

from __future__ import annotations

import pytest

from api.joining import host_settings
from farm.errors import Conflict
from farm.settings import Settings


@pytest.mark.parametrize(
    ("redis_url", "address", "told"),
    [
        ("redis://:pw@127.0.0.1:6379/0", "10.0.0.1", "redis://:pw@10.0.0.1:6379/0"),
        ("redis://:pw@127.0.0.1:6379/0", "fd00::1", "redis://:pw@[fd00::1]:6379/0"),
        ("rediss://u:pw@store.lab:6380/2", "", "rediss://u:pw@store.lab:6380/2"),
        ("rediss://u:pw@store.lab:6380/2", "10.0.0.1", "rediss://u:pw@store.lab:6380/2"),
    ],
)
def test_the_store_is_named_as_others_reach_it(redis_url: str, address: str, told: str) -> None:
    found = host_settings(Settings(redis_url=redis_url, join_address=address, _env_file=None))

    assert found.redis_url == found.broker_url == told
    assert found.settings["LEAN_SLICES"]


def test_a_store_that_nobody_else_reaches_is_not_told() -> None:
    with pytest.raises(Conflict, match="--join-address"):
        host_settings(Settings(redis_url="redis://:pw@127.0.0.1:6379/0", _env_file=None))
