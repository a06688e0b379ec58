"""A farm with a proxy between it and its store, which brings the faults of a network between hosts to one host."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from redis.exceptions import RedisError

from farm.local.valkey import Valkey, prepare_valkey
from tests.chaos.victim import Victim
from tests.support.open_store import OpenStore, open_store
from tests.support.proxy import Link, Proxy, proxied
from tests.support.repl.install import Install
from tests.support.running import await_true, end_everything, stop

_POLL_S = 0.02
_GOAL = {"state": "a b : Nat\n⊢ a + b = b + a", "k": 1}


class Ground:
    """One farm, one store, one proxy.

    Attributes:
        ill: the farm.
        store: a connection to its store that goes past the proxy.
    """

    def __init__(self, folder: Path, repl: Install, valkey: Valkey, proxy: Proxy, url: str) -> None:
        self.proxy = proxy
        self._folder = folder
        self._valkey = valkey
        self.server = self._start_store(valkey)
        self.store: OpenStore = open_store(valkey.url)
        self.ill = Victim(folder, repl, {"REDIS_URL": url}, has_small_disk=False, clock=None)
        self._count = 0

    def _start_store(self, valkey: Valkey) -> subprocess.Popen[bytes]:
        # In a session of its own, so that `end_everything` finds it in every case.
        server = subprocess.Popen(valkey.command, stdout=subprocess.DEVNULL, start_new_session=True)
        await_true(lambda: asyncio.run(valkey.is_healthy()), "a store")
        return server

    def restart_store(self, pause_s: float) -> None:
        """Kill the store, and start it again on the same files."""
        self.server.kill()
        self.server.wait(10)
        time.sleep(pause_s)
        self.server = self._start_store(self._valkey)

    def fail_over(self, pause_s: float, *, is_planned: bool) -> None:
        """Have a replica take over, as planned or because its primary is killed; the proxy follows after a pause."""
        heir = self._prepare_heir()
        server, replica = self._start_store(heir), open_store(heir.url)
        old, new = urlsplit(self._valkey.url), urlsplit(heir.url)
        replica.replicaof("127.0.0.1", str(old.port))
        await_true(lambda: replica.info("replication").get("master_link_status") == "up", "a replica")
        if is_planned:
            self.store.config_set("masterauth", old.password)
            self.store.execute_command("FAILOVER", "TO", "127.0.0.1", str(new.port))
        else:
            self.server.kill()
            replica.replicaof("NO", "ONE")
        await_true(lambda: replica.info("replication")["role"] == "master", "the replica's turn")
        time.sleep(pause_s)
        assert new.port
        self.proxy.aim(new.port)
        self.proxy.cut()
        self.server.kill()
        self.server.wait(10)
        self.store.close()
        self._valkey, self.server, self.store = heir, server, replica

    def _prepare_heir(self) -> Valkey:
        """Return another server, which has the password that clients and replicas know."""
        self._count += 1
        heir = prepare_valkey(self._folder / f"store-{self._count}")
        theirs, ours = urlsplit(heir.url).password, urlsplit(self._valkey.url).password
        assert theirs
        assert ours
        configuration = Path(heir.command[-1])
        configuration.write_text(configuration.read_text().replace(theirs, ours) + f"masterauth {ours}\n")
        return Valkey(heir.command, heir.url.replace(theirs, ours))

    def parents(self) -> list[psutil.Process]:
        """Return the first processes of the workers."""
        return [self.ill.service("-m", f"workers.{room}") for room in ("lean", "embed", "premises")]

    def links_of(self, *processes: psutil.Process) -> list[Link]:
        """Return the connections that processes hold."""
        ports = {each.laddr.port for process in processes for each in process.net_connections("tcp")}
        return [link for link in self.proxy.links() if link.client in ports]

    def submit(self, count: int, sleep_ms: int, until: float) -> str | None:
        """Return the batch of some proofs once it was accepted; None if it was not accepted in time."""
        self._count += 1
        texts = [f"-- {self._count}.{i}, sleep:{sleep_ms}\ntheorem t : 1 + 1 = 2 := by rfl" for i in range(count)]
        body = {"proofs": [{"code": text} for text in texts], "timeout_s": 60.0, "cache": False}
        while (left_s := until - time.monotonic()) > 0:
            try:
                answer = httpx.post(f"{self.ill.farm.url}/v1/batches", json=body, timeout=min(60, left_s))
                if answer.status_code == 202:
                    return str(answer.json()["batch_id"])
            except httpx.TransportError:
                pass
            time.sleep(_POLL_S)
        return None

    def first_verdict(self, until: float) -> float | None:
        """Return when a fresh batch had its first verdict, if all its verdicts came; None if they did not."""
        batch = self.submit(8, 5, until)
        first = None
        while batch and time.monotonic() < until:
            try:
                done, finished = self.store.hmget(f"farm:batch:{batch}", "done", "finished_ms")
            except RedisError:
                done = finished = None
            first = first or (time.monotonic() if int(done or 0) else None)
            if finished:
                return first
            time.sleep(_POLL_S)
        return None

    def first_answer(self, until: float) -> float | None:
        """Return when a goal was answered; None if it never was."""
        while (left_s := until - time.monotonic()) > 0:
            try:
                answer = httpx.post(f"{self.ill.farm.url}/retrieve", json=_GOAL, timeout=min(60, left_s))
                if answer.status_code == 200:
                    return time.monotonic()
            except httpx.TransportError:
                pass
            time.sleep(_POLL_S)
        return None


@contextmanager
def ground(folder: Path, repl: Install) -> Iterator[Ground]:
    """Start a farm behind a proxy, and stop what is left of it afterwards."""
    valkey = prepare_valkey(folder / "store")
    with proxied(valkey.url) as (proxy, url):
        here = None
        try:
            here = Ground(folder / "farm", repl, valkey, proxy, url)
            yield here
            stop(here.ill.farm.up)
        finally:
            end_everything(folder)
            if here:
                here.store.close()
                here.server.kill()
                here.server.wait(10)
