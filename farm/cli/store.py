"""Connects operators' commands to a farm's store.

This is the store at REDIS_URL if that is set, and else the store of the farm that `farm up` runs on DATA_DIR.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import ConfigurationError
from farm.settings import Settings, load

if TYPE_CHECKING:
    from farm.local.runtime import Runtime
    from farm.store.client import RedisClient


@dataclass(frozen=True, slots=True)
class Store:
    """A connection to a farm's store.

    Attributes:
        client: a blocking client.
        redis_url: the address of the store.
        settings: this command's settings.
        runtime: the `farm up` on this host that uses this store; None if there is none.
    """

    client: RedisClient
    redis_url: str
    settings: Settings
    runtime: Runtime | None


def open_store(command: str) -> Store:
    """Connect to the store for a command; the name of the command goes into error messages.

    Raises:
        ConfigurationError: no farm was found, or the server's libraries are not installed.
    """
    try:
        from farm.local.runtime import read_runtime
        from farm.store.connection import connect
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"`{command}` needs {error.name}: `pip install 'leanfarm[server]'`") from error
    settings = load()
    runtime = read_runtime(settings.data_dir)
    redis_url = settings.redis_url or (runtime.redis_url if runtime else "")
    if not redis_url:
        raise ConfigurationError(f"No farm runs on {settings.data_dir.absolute()}: set DATA_DIR or REDIS_URL")
    return Store(
        connect(redis_url), redis_url, settings, runtime if runtime and runtime.redis_url == redis_url else None
    )
