"""A farm over several hosts of `tests/support/hosts.py`: its head, and the Lean workers that join it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from farm import Farm
from farm.keys import create_key
from farm.local.ports import free_port
from farm.local.valkey import Valkey, prepare_valkey
from farm.processes import end_session
from tests.support.hosts import Host
from tests.support.open_store import OpenStore, open_store
from tests.support.running import await_true, end_everything, is_live

# A host with 64 processes takes a while to start them.
_JOINS_WITHIN_S = 90


@dataclass(frozen=True)
class Spread:
    """A farm whose API, reaper and store are on one host.

    Attributes:
        folder: the folder to which its processes write.
        url: the URL of its API.
        key: an API key, because the API listens on the network.
        redis_url: the URL of its store; a host needs nothing else to join.
    """

    folder: Path
    url: str
    key: str
    redis_url: str

    def client(self) -> Farm:
        """Return an SDK client for this farm."""
        return Farm(self.url, api_key=self.key)

    def store(self) -> OpenStore:
        """Return a connection to this farm's store."""
        return open_store(self.redis_url)

    def leases_of(self, host: Host) -> set[str]:
        """Return the leases that a host's processes hold."""
        store, prefix = self.store(), f"{host.name}:".encode()
        leases = [name.decode() for name in store.zrange("farm:leases", 0, -1)]
        return {x for x in leases if (store.hget(f"farm:lease:{x}", "worker") or b"").startswith(prefix)}

    def processes_of(self, host: Host) -> int:
        """Return how many Lean processes of a host give signs of life."""
        store = self.store()
        alive = store.zrangebyscore("farm:workers", store.time()[0] * 1000, "+inf")
        return sum(name.startswith(f"{host.name}:".encode()) for name in alive)

    @contextmanager
    def joined(self, host: Host, processes: int, settings: dict[str, str]) -> Iterator[None]:
        """Have a host join, by the one command of docs/deploy.md."""
        settings = {**settings, "REDIS_URL": self.redis_url, "LEAN_WORKERS": str(processes)}
        with _process(self.folder, host, settings, sys.executable, "-m", "workers.lean"):
            await_true(lambda: self.processes_of(host) == processes, f"{host.name} has joined", _JOINS_WITHIN_S)
            yield


@contextmanager
def spread(folder: Path, head: Host, settings: dict[str, str]) -> Iterator[Spread]:
    """Run store, API and reaper on a host, and stop all of them at the end."""
    with ExitStack() as running:
        running.callback(end_everything, folder)
        store = _reachable(prepare_valkey(folder), head)
        running.enter_context(_process(folder, head, {}, *store.command))
        await_true(lambda: asyncio.run(store.is_healthy()), "the store, over the network")
        keys, port = folder / "keys", free_port()
        farm = Spread(folder, f"http://{head.address}:{port}", create_key(keys, "team"), store.url)
        settings = {**settings, "REDIS_URL": store.url}
        of_api = {"API_KEYS_FILE": str(keys), "FARM_HOST": head.address, "PORT": str(port)}
        running.enter_context(_process(folder, head, {**settings, **of_api}, sys.executable, "-m", "api"))
        running.enter_context(_process(folder, head, settings, sys.executable, "-m", "workers.reaper"))
        await_true(lambda: is_live(farm.url), "the API, over the network")
        yield farm


def _reachable(store: Valkey, host: Host) -> Valkey:
    """Return a store that listens on the network of its host and has a password."""
    command = [*store.command, "--bind", host.address]
    return replace(store, command=command, url=store.url.replace("127.0.0.1", host.address))


@contextmanager
def _process(folder: Path, host: Host, settings: dict[str, str], *command: str) -> Iterator[None]:
    """Run a command on a host, with a data folder of its own, and kill it afterwards."""
    place = folder / host.name
    place.mkdir(exist_ok=True)
    environment = {**os.environ, "DATA_DIR": str(place), **settings}
    with (place / "log").open("ab") as log:
        started = subprocess.Popen(
            host.command(*command), cwd=place, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        end_session(started.pid)
        started.wait()
