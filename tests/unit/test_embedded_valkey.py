"""The embedded Valkey starts in any folder that a person may have."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from farm.local.valkey import prepare_valkey
from tests.support.open_store import open_store
from tests.support.running import await_true


def test_the_address_for_other_hosts_may_be_loopback_too(tmp_path: Path) -> None:
    server = prepare_valkey(tmp_path, "127.0.0.1")
    with subprocess.Popen(server.command, stdout=subprocess.DEVNULL) as process:
        try:
            await_true(lambda: process.poll() is not None or asyncio.run(server.is_healthy()), "its first answer")
            assert process.poll() is None, "it started"
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["John's own data", 'a "b" \\ c', "Übung #1\nzwei"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    server = prepare_valkey(folder)
    with subprocess.Popen(server.command, stdout=subprocess.DEVNULL) as process:
        try:
            await_true(lambda: process.poll() is not None or asyncio.run(server.is_healthy()), "its first answer")
            assert process.poll() is None, "it started"
            assert open_store(server.url).config_get("dir") == {"dir": str(folder / "valkey")}
        finally:
            process.kill()
