"""Redis with failover for tests: three servers, each a primary or a replica, and three sentinels that watch them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from farm.local.ports import free_port
from tests.support.running import await_true

_PASSWORD = "a-password-for-failover"
_SERVICE = "farm"
_SIZE = 3
_OPTIONS = f"""
bind 127.0.0.1
requirepass {_PASSWORD}
masterauth {_PASSWORD}
appendonly yes
save ""
maxmemory-policy noeviction
repl-diskless-sync-delay 0
min-replicas-to-write 1
min-replicas-max-lag 10
"""
_WATCH = f"""
sentinel auth-pass {_SERVICE} {_PASSWORD}
sentinel down-after-milliseconds {_SERVICE} 1000
sentinel failover-timeout {_SERVICE} 10000
"""


class Failover:
    """The servers and their sentinels.

    Args:
        binary: a Redis or Valkey server.
        folder: where all of them keep their files.
    """

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self.ports = [free_port() for _ in range(_SIZE)]
        self._sentinels = [free_port() for _ in range(_SIZE)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        self.url = f"redis+sentinel://:{_PASSWORD}@{hosts}/0?service={_SERVICE}"

    def start(self) -> None:
        """Start all, and wait until the sentinels know each other, and the primary has its replicas."""
        for port in self.ports:
            self.start_server(port)
        for port in self._sentinels:
            self._start_sentinel(port)
        await_true(lambda: all(self._knows_all(port) for port in self._sentinels), "the sentinels agree")

    def start_server(self, port: int) -> None:
        """Start one server; the sentinels tell it whether it is a primary or a replica."""
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        file = folder / "server.conf"
        # Keep a file that is there: the sentinels have written into it which server is the primary.
        if not file.exists():
            replica = "" if port == self.ports[0] else f"replicaof 127.0.0.1 {self.ports[0]}\n"
            file.write_text(f"port {port}\ndir {folder}\n{_OPTIONS}{replica}")
        self._run(port, [str(file)])
        await_true(lambda: self._answers(port), f"server {port}")

    def _start_sentinel(self, port: int) -> None:
        folder = self._folder / str(port)
        folder.mkdir()
        file = folder / "sentinel.conf"
        watched = f"sentinel monitor {_SERVICE} 127.0.0.1 {self.ports[0]} 2\n"
        file.write_text(f"port {port}\nbind 127.0.0.1\ndir {folder}\n{watched}{_WATCH}")
        self._run(port, [str(file), "--sentinel"])
        await_true(lambda: self._answers(port), f"sentinel {port}")

    def _run(self, port: int, arguments: list[str]) -> None:
        with (self._folder / f"{port}.log").open("ab") as log:
            self._processes[port] = subprocess.Popen([self._binary, *arguments], stdout=log, stderr=log)

    def _client(self, port: int) -> Any:
        password = _PASSWORD if port in self.ports else None
        return redis.Redis(port=port, password=password, protocol=2, socket_timeout=2, decode_responses=True)

    def _answers(self, port: int) -> bool:
        with contextlib.suppress(redis.RedisError):
            return bool(self._client(port).ping())
        return False

    def _knows_all(self, port: int) -> bool:
        [state] = [fields for name, fields in self._client(port).sentinel_masters().items() if name == _SERVICE]
        return (int(state["num-other-sentinels"]), int(state["num-slaves"])) == (_SIZE - 1, _SIZE - 1)

    def primary(self) -> int | None:
        """Return the port of the server that regards itself as the primary; None while there is none."""
        for port in self.ports:
            with contextlib.suppress(redis.RedisError):
                if self._processes[port].poll() is None and self._client(port).info("replication")["role"] == "master":
                    return port
        return None

    def replicas(self) -> list[int]:
        """Return the ports of the other servers."""
        return [port for port in self.ports if port != self.primary()]

    def kill(self, port: int) -> None:
        """Kill a server with SIGKILL: nothing is written, and no client is told."""
        self._processes[port].kill()
        self._processes[port].wait()

    def signal(self, port: int, number: signal.Signals) -> None:
        """Send a server a signal."""
        os.kill(self._processes[port].pid, number)

    def stop(self) -> None:
        """End all of them."""
        for process in self._processes.values():
            process.kill()
            process.wait()


@contextmanager
def failover(binary: str, folder: Path) -> Iterator[Failover]:
    """Run servers and sentinels in a folder, and stop all of them at the end."""
    servers = Failover(binary, folder)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()
