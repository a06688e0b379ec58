"""The local farm: its services, the order in which they start, and the environment of each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from farm import descriptors
from farm.errors import ConfigurationError
from farm.keys import read_keys
from farm.local import start_token
from farm.local.data_dir import empty_temporary_folder
from farm.local.flower_login import keep_login
from farm.local.lean_rooms import lean_rooms
from farm.local.ports import free_port, prefer_port
from farm.local.readiness import OnProgress, Readiness
from farm.local.runtime import locked, own_runtime
from farm.local.services import lean_service, python_service
from farm.local.supervisor import SupervisedProcess, Supervisor
from farm.local.valkey import Valkey, prepare_valkey
from farm.loopback import LOOPBACK_HOSTS
from farm.models import lean_part
from farm.processes import own_module
from farm.settings import Settings
from farm.store.connection import connect
from farm.store.registry import set_draining
from farm.store.schema import enter_store

_FLOWER_PORT = 5555
_VALKEY_LOADS_S = 1800.0
_ROOMS = ("workers.reaper", "workers.premises", "workers.embed")


@dataclass(frozen=True)
class Addresses:
    """The addresses of a running local farm."""

    api: str
    flower: str
    flower_login: str
    data_dir: Path


OnReady = Callable[[Addresses, list[str]], None]
"""Called once every part answers. The arguments are the farm's addresses and the notices for an operator."""


class LocalFarm:
    """The whole farm under one supervisor.

    Args:
        settings: the settings. If `redis_url` is empty, the farm starts an embedded Valkey on a folder in `data_dir`.
        tell: called with a line about each step.
        on_progress: called with a text about a part that is not ready yet, and with how much of its loading is done,
            0 to 1.

    Raises:
        ConfigurationError: a file in `ENVIRONMENTS_DIR` is wrong.
    """

    def __init__(self, settings: Settings, tell: Callable[[str], None], on_progress: OnProgress) -> None:
        self._settings = settings
        self._tell = tell
        self._on_progress = on_progress
        self._data_dir = settings.data_dir.absolute()
        self._supervisor = Supervisor(self._data_dir / "logs")
        self._lean_rooms = lean_rooms(settings)
        # This client asks only the farm's own processes on this host, so it ignores proxies and certificates.
        self._http = httpx.AsyncClient(timeout=5, trust_env=False)
        parts = [lean_part(room.environment) for room in self._lean_rooms]
        self._readiness = Readiness(self._http, self._supervisor.ailments, parts)

    async def run(self, on_ready: OnReady, stopped: asyncio.Event) -> None:
        """Start the farm, and run it until `stopped` is set, which may be while the farm is still starting.

        However this method ends, no process of the farm is left.

        Raises:
            ConfigurationError: a setting is wrong, or a service does not start; the message says what to do.
        """
        if self._settings.farm_host not in LOOPBACK_HOSTS and not self._settings.api_keys_file:
            raise ConfigurationError(
                "Without keys a farm listens on this host only: set API_KEYS_FILE, or unset FARM_HOST"
            )
        if self._settings.api_keys_file:
            read_keys(self._settings.api_keys_file)
        descriptors.raise_limit()
        ends = asyncio.create_task(stopped.wait())
        work = asyncio.create_task(self._work(on_ready))
        await asyncio.wait({work, ends}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, ends):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    def kill(self) -> None:
        """End every process at once. The store keeps all writes that it has acknowledged."""
        self._supervisor.kill()

    async def _work(self, on_ready: OnReady) -> None:
        """Start the farm, and run it until cancelled."""
        waiting = asyncio.create_task(self._readiness.tell_now_and_then(self._tell))
        async with locked(self._data_dir, self._tell) as lock:
            try:
                addresses = await self._start(lock)
                notices = await self._readiness.wait(addresses.api, self._on_progress)
                waiting.cancel()
                on_ready(addresses, notices)
                await asyncio.Event().wait()
            finally:
                waiting.cancel()
                self._tell("stopping; a second signal ends everything at once")
                await self._supervisor.stop()
                await self._http.aclose()

    async def _start(self, lock: int) -> Addresses:
        settings = self._settings
        port = free_port(settings.port, settings.farm_host)
        valkey = None if settings.redis_url else prepare_valkey(self._data_dir, settings.join_address)
        redis_url = valkey.url if valkey else settings.redis_url
        host = f"[{settings.farm_host}]" if ":" in settings.farm_host else settings.farm_host
        flower_port, login = prefer_port(_FLOWER_PORT, taken=port), keep_login(self._data_dir)
        addresses = Addresses(f"http://{host}:{port}", f"http://127.0.0.1:{flower_port}", login, self._data_dir)
        environment = self._environment(port, redis_url)
        if valkey:
            await self._start_group(_valkey_service(valkey, lock))
        self._readiness.waits = {"store": "does not answer yet"}
        self._tell(f"store: {await asyncio.to_thread(_enter, redis_url)}")
        lean = (lean_service(room, environment) for room in self._lean_rooms)
        self._readiness.waits = {}
        await self._start_group(*(python_service(room, environment) for room in _ROOMS), *lean)
        await self._start_group(
            self._api_service(addresses, environment), self._flower_service(addresses, flower_port, environment)
        )
        own_runtime(addresses.api, redis_url).write(self._data_dir)
        return addresses

    async def _start_group(self, *services: SupervisedProcess) -> None:
        await self._supervisor.start(*services)
        self._tell(f"started {', '.join(service.name for service in services)}")

    def _environment(self, port: int, redis_url: str) -> dict[str, str]:
        """Return the environment for child processes, with the settings that were chosen or changed in this process."""
        settings = self._settings
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PORT": str(port),
            "FARM_HOST": settings.farm_host,
            "JOIN_ADDRESS": settings.join_address,
            "REDIS_URL": redis_url,
            "BROKER_URL": settings.broker_url or redis_url,
            "DATA_DIR": str(self._data_dir),
            # If processes are killed, the next start removes the files that they leave there.
            "TMPDIR": str(empty_temporary_folder(self._data_dir)),
        }

    def _api_service(self, addresses: Addresses, environment: dict[str, str]) -> SupervisedProcess:
        token = secrets.token_hex(8)
        known = {**environment, "FLOWER_URL": addresses.flower, start_token.VARIABLE: token}
        is_healthy = self._answers(f"{addresses.api}/livez", token)
        return SupervisedProcess("api", own_module("api"), known, is_healthy)

    def _flower_service(self, addresses: Addresses, port: int, environment: dict[str, str]) -> SupervisedProcess:
        options = {
            "FLOWER_ADDRESS": "127.0.0.1",
            "FLOWER_PORT": str(port),
            "FLOWER_BASIC_AUTH": addresses.flower_login,
            # Otherwise Flower would run a `flowerconfig.py` from the working directory.
            "FLOWER_CONF": os.environ.get("FLOWER_CONF", os.devnull),
        }
        is_healthy = self._answers(f"{addresses.flower}/healthcheck")
        # Flower is killed without a grace period: it keeps nothing, and a regular shutdown would take half a second.
        command = own_module("farm.local.flower")
        return SupervisedProcess("flower", command, {**environment, **options}, is_healthy, stop_grace_s=0)

    def _answers(self, url: str, token: str = "") -> Callable[[], Awaitable[bool]]:
        """Return a health check: whether a server answers at a URL; if there is a token, the answer must carry it."""

        async def is_healthy() -> bool:
            try:
                answer = await self._http.get(url)
            except httpx.TransportError:
                return False
            return answer.status_code < 500 and answer.headers.get(start_token.HEADER, "") == token

        return is_healthy


def _enter(redis_url: str) -> str:
    """Check a store, note this release in it, allow claims after a drain, and return the server's name and version."""
    store = connect(redis_url)
    entered = enter_store(store)
    set_draining(store, False)
    return str(entered)


def _valkey_service(valkey: Valkey, lock: int) -> SupervisedProcess:
    return SupervisedProcess(
        "valkey",
        valkey.command,
        dict(os.environ),
        valkey.is_healthy,
        # A large append-only file takes minutes to load. A shorter limit would end the server and start the load again.
        start_timeout_s=_VALKEY_LOADS_S,
        # On SIGTERM, Valkey writes and syncs its data.
        orphan_signal=signal.SIGTERM,
        descriptors=(lock,),
    )
