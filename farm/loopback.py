"""The names and addresses of this machine.

Requests to them use neither the proxies nor the certificates that environment variables name.
"""

from __future__ import annotations

from ipaddress import ip_address

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
"""If a server binds to one of these hosts, only this machine can reach it."""


def is_loopback(host: str) -> bool:
    """Whether the host in a URL is this machine. An address that stands for all interfaces counts as this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
