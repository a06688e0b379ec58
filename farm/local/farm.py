"""The local farm: which services there are, in which order, and what each must know."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from farm.errors import ConfigurationError
from farm.keys import read_keys
from farm.local.ports import free_port, prefer_port
from farm.local.rooms import LeanRoom, lean_rooms
from farm.local.runtime import locked, own_runtime
from farm.local.supervisor import Service, Supervisor
from farm.local.valkey import Valkey, prepare_valkey
from farm.models import lean_part
from farm.processes import own_module
from farm.settings import LOOPBACK_HOSTS, Settings
from farm.store.connection import connect
from farm.store.registry import set_draining
from farm.store.schema import enter_store

_FLOWER_PORT = 5555
_FLOWER_USER = "farm"
_READY_POLL_S = 0.2
_VALKEY_LOADS_S = 1800.0
_ROOMS = ("workers.reaper", "workers.premises", "workers.embed")


@dataclass(frozen=True)
class Addresses:
    """Where a running local farm is found."""

    api: str
    flower: str
    flower_login: str
    data_dir: Path


OnReady = Callable[[Addresses, list[str]], None]
"""Told once every part answers: where it is, and what an operator should know."""


class LocalFarm:
    """The whole farm under one supervisor.

    Args:
        settings: `redis_url` empty means an embedded Valkey under `data_dir`.
        tell: is told each step in one line.
        on_progress: is told what the farm still waits for, and how much of it is done, 0 to 1.

    Raises:
        ConfigurationError: a file in `ENVIRONMENTS_DIR` is wrong.
    """

    def __init__(
        self, settings: Settings, tell: Callable[[str], None], on_progress: Callable[[str, float], None]
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._on_progress = on_progress
        self._data_dir = settings.data_dir.absolute()
        self._supervisor = Supervisor(self._data_dir / "logs")
        self._lean_rooms = lean_rooms(settings)
        # One for all: each client reads the certificates of the system first, 30 ms that a poll must not cost.
        self._http = httpx.AsyncClient(timeout=5)

    async def run(self, on_ready: OnReady, stopped: asyncio.Event) -> None:
        """Run until told to stop; nothing is left behind, whatever happens.

        Raises:
            ConfigurationError: something does not start; the text says what to do.
        """
        if self._settings.farm_host not in LOOPBACK_HOSTS and not self._settings.api_keys_file:
            raise ConfigurationError("Without keys the farm binds this host only: set API_KEYS_FILE, or FARM_HOST back")
        if self._settings.api_keys_file:
            read_keys(self._settings.api_keys_file)
        with locked(self._data_dir, self._tell) as lock:
            try:
                addresses = await self._start(lock)
                waiting = asyncio.create_task(self._announce(addresses, on_ready))
                await stopped.wait()
                waiting.cancel()
            finally:
                self._tell("stopping")
                await self._supervisor.stop()
                await self._http.aclose()

    async def _start(self, lock: int) -> Addresses:
        settings = self._settings
        port = free_port(settings.port, settings.farm_host)
        valkey = None if settings.redis_url else prepare_valkey(self._data_dir)
        redis_url = valkey.url if valkey else settings.redis_url
        host = f"[{settings.farm_host}]" if ":" in settings.farm_host else settings.farm_host
        flower_port, login = prefer_port(_FLOWER_PORT, taken=port), f"{_FLOWER_USER}:{secrets.token_urlsafe(12)}"
        addresses = Addresses(f"http://{host}:{port}", f"http://127.0.0.1:{flower_port}", login, self._data_dir)
        environment = self._environment(port, redis_url)
        if valkey:
            await self._start_group(_valkey_service(valkey, lock))
        store = connect(redis_url)
        self._tell(f"store: {enter_store(store)}")
        set_draining(store, False)
        lean = (_lean_service(room, environment) for room in self._lean_rooms)
        await self._start_group(*(_python_service(room, environment) for room in _ROOMS), *lean)
        await self._start_group(
            self._api_service(addresses, environment), self._flower_service(addresses, flower_port, environment)
        )
        own_runtime(addresses.api, redis_url).write(self._data_dir)
        return addresses

    async def _start_group(self, *services: Service) -> None:
        await self._supervisor.start(*services)
        self._tell(f"started {', '.join(service.name for service in services)}")

    def _environment(self, port: int, redis_url: str) -> dict[str, str]:
        """Everything a child must know that its own environment and `.env` might not say."""
        settings = self._settings
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PORT": str(port),
            "FARM_HOST": settings.farm_host,
            "REDIS_URL": redis_url,
            "BROKER_URL": settings.broker_url or redis_url,
            "DATA_DIR": str(self._data_dir),
        }

    async def _announce(self, addresses: Addresses, on_ready: OnReady) -> None:
        """Wait until every part answers; the first start may fetch and build a REPL, so there is no limit."""
        # It answers with 200 when one environment is served, and all of ours are to be.
        ready = f"{addresses.api}/readyz"
        while (answer := await self._http.get(ready)).status_code != 200 or not self._all_serve(answer.json()):
            self._show_progress(answer.json()["checks"])
            await asyncio.sleep(_READY_POLL_S)
        checks = answer.json()["checks"].values()
        on_ready(addresses, [check["notice"] for check in checks if check["notice"]])

    def _all_serve(self, readiness: dict[str, Any]) -> bool:
        ready = {name for name, check in readiness["checks"].items() if check["ready"]}
        return {lean_part(room.environment) for room in self._lean_rooms} <= ready

    def _show_progress(self, checks: dict[str, Any]) -> None:
        for room in self._lean_rooms:
            if lean_part(room.environment) not in checks:
                self._on_progress(f"{lean_part(room.environment)}: starting", 0.0)
        for name, check in checks.items():
            if not check["ready"]:
                self._on_progress(check["notice"] or f"{name}: starting", check.get("progress", 0.0))

    def _api_service(self, addresses: Addresses, environment: dict[str, str]) -> Service:
        known = {**environment, "FLOWER_URL": addresses.flower}
        return Service("api", own_module("api"), known, self._answers(f"{addresses.api}/livez"))

    def _flower_service(self, addresses: Addresses, port: int, environment: dict[str, str]) -> Service:
        options = {
            "FLOWER_ADDRESS": "127.0.0.1",
            "FLOWER_PORT": str(port),
            "FLOWER_BASIC_AUTH": addresses.flower_login,
            # Else it runs a `flowerconfig.py` that lies in the working directory.
            "FLOWER_CONF": os.environ.get("FLOWER_CONF", os.devnull),
        }
        is_healthy = self._answers(f"{addresses.flower}/healthcheck")
        return Service("flower", own_module("farm.local.flower"), {**environment, **options}, is_healthy)

    def _answers(self, url: str) -> Callable[[], Awaitable[bool]]:
        async def is_healthy() -> bool:
            try:
                return (await self._http.get(url)).status_code < 500
            except httpx.TransportError:
                return False

        return is_healthy


def _valkey_service(valkey: Valkey, lock: int) -> Service:
    return Service(
        "valkey",
        valkey.command,
        dict(os.environ),
        valkey.is_healthy,
        # A large append-only file takes minutes to load, and to end that would only begin it again.
        start_timeout_s=_VALKEY_LOADS_S,
        # SIGTERM has it write and sync what it holds.
        orphan_signal=signal.SIGTERM,
        descriptors=(lock,),
    )


def _python_service(module: str, environment: dict[str, str]) -> Service:
    return Service(module.rpartition(".")[2], own_module(module), environment)


def _lean_service(room: LeanRoom, environment: dict[str, str]) -> Service:
    command = own_module("workers.lean", *([str(room.file)] if room.file else []))
    return Service(lean_part(room.environment), command, {**environment, **room.variables})
