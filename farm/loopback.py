"""The addresses of this host itself, for which the environment's proxies and certificates do not apply."""

from __future__ import annotations

from ipaddress import ip_address

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
"""The hosts that a server binds to so that only this host reaches it."""


def is_loopback(host: str) -> bool:
    """Whether a host, as in a URL, is this one; an address to bind to all interfaces is, too."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
