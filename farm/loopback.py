"""The names and addresses of this machine.

Requests to them use neither the proxies nor the certificates that environment variables name.
"""

from __future__ import annotations

from ipaddress import ip_address

from farm.errors import ConfigurationError

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


def parse_address(text: str) -> str:
    """Check that a text is empty, or an IP address at which other machines can reach this one, and return it.

    Raises:
        ConfigurationError: it is a name, an address that stands for all interfaces, or has a zone (`%eth0`), which is
            valid only on this machine.
    """
    try:
        is_one = not ip_address(text).is_unspecified and "%" not in text
    except ValueError:
        is_one = not text
    if not is_one:
        raise ConfigurationError(f"JOIN_ADDRESS must be one IP address of this host, such as 10.0.0.1 (got {text!r})")
    return text
