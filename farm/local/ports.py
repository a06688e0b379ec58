"""Finds ports on which this host's services can listen."""

from __future__ import annotations

import errno
import random
import socket

from farm.errors import ConfigurationError

# Outgoing connections get ports from 32768 upwards on Linux, and from 49152 upwards on macOS. A port in that range that
# is free now may be in use a moment later, when a service is about to bind it. So a port below that range is chosen.
_QUIET = range(20_000, 32_000)
_TRIES = 100


def free_port(wanted: int = 0, host: str = "127.0.0.1", setting: str = "FARM_HOST") -> int:
    """Return a port that can be bound now: the wanted port, or any port if the wanted port is 0.

    Args:
        wanted: the wanted port; 0 for any.
        host: the address to bind.
        setting: the name of the setting that holds the address, for the error message.

    Raises:
        ConfigurationError: the wanted port cannot be bound; the message says why.
    """
    hindrance = ""
    for port in [wanted] if wanted else random.sample(_QUIET, _TRIES):
        error = _try_bind(port, host)
        if error is None:
            return port
        hindrance = _in_words(error, port, f"{setting}: {host}")
        if error.errno != errno.EADDRINUSE:
            break
    raise ConfigurationError(hindrance)


def prefer_port(wanted: int, *, taken: int) -> int:
    """Return the wanted port if it can be bound and is not `taken`; else return any free port.

    `taken` is the port of another service that is about to start.
    """
    return free_port() if wanted == taken or _try_bind(wanted, "127.0.0.1") else wanted


def _try_bind(port: int, host: str) -> OSError | None:
    """Return the error that prevents binding a port; None if the port can be bound now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def _in_words(error: OSError, port: int, host: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken: `--port 0` takes a free one"
    if isinstance(error, PermissionError):
        return f"Port {port} needs a right that this user does not have: use a port from 1024 up (`--port 8000`)"
    return f"{host} is not an address of this host that can be bound ({error.strerror})"
