"""The addresses of this host itself, to which the environment's proxies and certificates do not apply."""

from __future__ import annotations

from ipaddress import ip_address

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
"""The hosts to which a server binds so that only this machine reaches it."""


def is_loopback(host: str) -> bool:
    """Whether a host named in a URL is this machine; an address that binds to all interfaces counts as this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
