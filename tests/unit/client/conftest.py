"""Both clients, synchronous and asynchronous, driven over real HTTP by the same tests."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from farm.client import AsyncFarm, Farm
from tests.unit.client.scripted_farm import ScriptedFarm, serve


class Driver:
    """A `Farm` or an `AsyncFarm`, called alike; it notes its pauses and takes none.

    Attributes:
        farm: the shell.
        pauses: the seconds it would have waited.
    """

    def __init__(self, farm: Any) -> None:
        self.farm = farm
        self.pauses: list[float] = []
        farm.sleep = self._sleep_async if isinstance(farm, AsyncFarm) else self.pauses.append

    async def _sleep_async(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        return await settled(getattr(self.farm, method)(*arguments, **options))


async def settled(value: Any) -> Any:
    """Return what a method of either shell gives."""
    return await value if inspect.isawaitable(value) else value


async def collected(values: Any) -> list[Any]:
    """Return what an iterator of either shell gives."""
    return [each async for each in values] if hasattr(values, "__aiter__") else list(values)


Connect = Callable[..., Driver]


@pytest.fixture
def scripted() -> Iterator[ScriptedFarm]:
    with serve() as farm:
        yield farm


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FARM_URL", "FARM_API_KEY", "PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[Farm, AsyncFarm])
async def connect(request: pytest.FixtureRequest, scripted: ScriptedFarm) -> AsyncIterator[Connect]:
    """A function that opens a shell on the scripted farm; everything it opened is closed."""
    opened: list[Driver] = []

    def open_shell(base_url: str = scripted.url, **options: Any) -> Driver:
        opened.append(Driver(request.param(base_url, **options)))
        return opened[-1]

    yield open_shell
    for driver in opened:
        await driver.call("aclose" if isinstance(driver.farm, AsyncFarm) else "close")


@pytest.fixture
def driver(connect: Connect) -> Driver:
    """A shell with default options."""
    return connect()
