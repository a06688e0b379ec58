"""The Lean environments of a farm, and the latest report on each.

Nobody has to list the environments. The first sign of life of a Lean process makes its environment known. The reaper
forgets an environment whose processes have given no sign of life for a long time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TypeAlias, cast

from farm.models import DEFAULT_ENVIRONMENT, Environment
from farm.store.client import AsyncRedisClient, RedisClient, in_ms
from farm.store.connection import translated
from farm.store.records import read_json_record
from farm.store.scripts import Scripts

_FRESH_S = 1.0
# The store's time, the reports of the processes, and when each environment was last seen.
_Records: TypeAlias = tuple[tuple[int, int], dict[bytes, bytes], list[tuple[bytes, float]]]


def in_order(names: Iterable[bytes]) -> list[str]:
    """Return names of environments in the order in which people see them.

    The default environment, which always exists, comes first. The others follow, sorted by name.
    """
    return [DEFAULT_ENVIRONMENT, *sorted({name.decode() for name in names} - {DEFAULT_ENVIRONMENT})]


def environment_names(client: RedisClient) -> list[str]:
    """Return the names of all environments in which work can wait."""
    with translated():
        return in_order(client.zrange("farm:environments", 0, -1))


def forget_environments(client: RedisClient, older_than_s: int) -> list[str]:
    """Forget the environments without work that have shown no sign of life for this long; return their names."""
    with translated():
        names = Scripts(client).run("forget", older_than_s * 1000)
    return [name.decode() for name in cast("list[bytes]", names)]


class KnownEnvironments:
    """Remembers the names of the environments for an API process.

    `has` reads the names again if it last read them over a second ago, or if the name is not among them.
    """

    def __init__(self, client: AsyncRedisClient) -> None:
        self._client = client
        self._read_at = -_FRESH_S
        self.names = [DEFAULT_ENVIRONMENT]
        """The names that the process read last."""

    async def has(self, name: str) -> bool:
        """Whether there is an environment of this name; the default one is always known."""
        is_fresh = time.monotonic() - self._read_at < _FRESH_S
        if name == DEFAULT_ENVIRONMENT or (is_fresh and name in self.names):
            return True
        with translated():
            self.names = in_order(await self._client.zrange("farm:environments", 0, -1))
        self._read_at = time.monotonic()
        return name in self.names


async def read_records(client: AsyncRedisClient) -> dict[str, tuple[Environment, float]]:
    """Return the latest report on each environment, and how many seconds ago the environment was last seen.

    An environment is left out if it has no report, or if this release cannot read the report.
    """
    with translated():
        pipe = client.pipeline(transaction=False)
        pipe.time()
        pipe.hgetall("farm:serves")
        pipe.zrange("farm:environments", 0, -1, withscores=True)
        time_, serves, seen = cast("_Records", await pipe.execute())
    now_ms = in_ms(time_)
    found = {
        name.decode(): (read_json_record(Environment, serves[name]), max(0.0, (now_ms - seen_ms) / 1000))
        for name, seen_ms in seen
        if name in serves
    }
    return {name: (report, seen_s) for name, (report, seen_s) in found.items() if report}
