"""One farm with keys, and its clients: a stranger, two users, and a key with few rights."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from farm.keys import Gate, Scope, create_key
from farm.local.ports import free_port
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

EMBED_KEY = "embed-key-4b1d0f3a"


@dataclass(frozen=True)
class Guarded:
    """A farm with keys.

    Attributes:
        keys: the keys by name: `mine` and `theirs` may do all, `gated` too, behind the gate; the others what their
            names say.
    """

    farm: RunningFarm
    keys_file: Path
    keys: dict[str, str]

    def http(self, name: str = "") -> httpx.Client:
        """Return a client that sends the key of this name; none sends no key."""
        headers = {"Authorization": f"Bearer {self.keys[name]}"} if name else {}
        return httpx.Client(base_url=self.farm.url, headers=headers, timeout=60)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    path = folder / "keys"
    keys = {name: create_key(path, name) for name in ("mine", "theirs")}
    keys |= {f"only-{scope}": create_key(path, f"only-{scope}", frozenset({scope})) for scope in Scope}
    keys["gated"] = create_key(path, "gated", gate=Gate.STRICT)
    settings = {**lean_settings(scripted), "API_KEYS_FILE": str(path), "EMBED_API_KEY": EMBED_KEY}
    with running_farm(folder / "farm", **settings) as running:
        yield Guarded(running, path, keys)


@contextmanager
def api_process(redis_url: str, before: str = "", **settings: str) -> Iterator[str]:
    """Run one more API process on a farm's store; yields its URL.

    Args:
        redis_url: the farm's store.
        before: Python that runs in the process first, to make a limit small enough to meet.
        settings: its settings.
    """
    port = free_port()
    environment = {**os.environ, "REDIS_URL": redis_url, "PORT": str(port), **settings}
    program = f"import runpy\n{before}\nrunpy.run_module('api', run_name='__main__')"
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as process:
        try:
            await_true(lambda: _answers(url), "the API")
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/livez", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
