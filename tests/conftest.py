"""Fixtures that many tests share: one farm on the scripted REPL, and skips for what a machine may lack."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from farm import Farm, descriptors
from farm.local.valkey import prepare_valkey
from tests.support.repl.install import Install, install
from tests.support.running import RunningFarm, await_true, running_farm, scripted_settings

# A property holds or does not; how long an example takes depends on the machine.
hypothesis.settings.register_profile("farm", deadline=None)
hypothesis.settings.load_profile("farm")


def require(present: object, what: str) -> None:
    """Skip by name what this machine lacks; with REQUIRE_SYSTEM=1, which .ci/run sets, a lack is a failure."""
    if present:
        return
    if os.environ.get("REQUIRE_SYSTEM") == "1":
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")


def pytest_configure() -> None:
    """Let this process open as many files as a thousand clients need, and let Ctrl-C reach it.

    A shell that starts a program in the background has it, and all that the tests start, ignore Ctrl-C.
    """
    descriptors.raise_limit()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a real Lean where there is no `lake`, by name; CI has none."""
    if shutil.which("lake"):
        return
    for item in items:
        if item.get_closest_marker("lean"):
            item.add_marker(pytest.mark.skip(reason="needs a real Lean: no `lake` on the path"))


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """The scripted REPL, installed: a script, not Lean."""
    return install(tmp_path_factory.mktemp("repl"))


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """One farm for tests that leave it as they found it."""
    with running_farm(tmp_path_factory.mktemp("farm"), **lean_settings(scripted)) as running:
        yield running


@pytest.fixture
def client(farm: RunningFarm) -> Iterator[Farm]:
    """An SDK client for the shared farm."""
    with farm.client() as client:
        yield client


def lean_settings(repl: Install) -> dict[str, str]:
    """Return the settings that put a REPL behind a farm.

    The verdict cache is off: it ignores comments, and the scripted REPL reads its directives there.
    """
    return {**scripted_settings(repl), "VERDICT_CACHE_MB": "0"}


@pytest.fixture
def shared_data() -> Path:
    """The recorded data beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the recorded data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An embedded Valkey under the farm's own configuration."""
    valkey = prepare_valkey(tmp_path_factory.mktemp("valkey"))
    with subprocess.Popen(valkey.command, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: asyncio.run(valkey.is_healthy()), "Valkey")
            yield valkey.url
        finally:
            server.terminate()
            server.wait(10)
