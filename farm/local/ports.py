"""Loopback ports."""

from __future__ import annotations

import random
import socket

from farm.errors import ConfigurationError

# Below those that Linux (32768) and macOS (49152) give to outgoing connections: what is free there may be one of them a
# moment later, when the service that was told to use it starts.
_QUIET = range(20_000, 32_000)
_TRIES = 100


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return a port that can be bound now: the wanted one, or any for 0.

    Raises:
        ConfigurationError: the wanted one is taken.
    """
    if wanted:
        if not _is_free(wanted, host):
            raise ConfigurationError(f"Port {wanted} is taken: `--port 0` takes a free one")
        return wanted
    for port in random.sample(_QUIET, _TRIES):
        if _is_free(port, host):
            return port
    raise ConfigurationError(f"No port from {_QUIET.start} to {_QUIET.stop} can be bound on {host}")


def prefer_port(wanted: int) -> int:
    """Return the wanted port if it is free, else any."""
    try:
        return free_port(wanted)
    except ConfigurationError:
        return free_port()


def _is_free(port: int, host: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
