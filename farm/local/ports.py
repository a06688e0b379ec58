"""Loopback ports."""

from __future__ import annotations

import socket

from farm.errors import ConfigurationError


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return a port that can be bound now: the wanted one, or any for 0.

    Raises:
        ConfigurationError: the wanted one is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            raise ConfigurationError(f"Port {wanted} is taken: `--port 0` takes a free one") from error
        port: int = probe.getsockname()[1]
        return port


def prefer_port(wanted: int) -> int:
    """Return the wanted port if it is free, else any."""
    try:
        return free_port(wanted)
    except ConfigurationError:
        return free_port()
