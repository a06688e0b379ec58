"""Which port `farm up` takes, and what it says of one that it cannot have."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from farm.errors import ConfigurationError
from farm.local.ports import free_port, prefer_port

_FIRST_OF_ANYONE = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def test_a_port_that_somebody_has_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        with pytest.raises(ConfigurationError, match=f"Port {port} is taken"):
            free_port(port)
        assert prefer_port(port, taken=0) != port


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind every port")
@pytest.mark.skipif(
    not _FIRST_OF_ANYONE.exists() or int(_FIRST_OF_ANYONE.read_text()) <= 80, reason="anyone may bind port 80 here"
)
def test_a_port_that_needs_a_right_is_not_called_taken() -> None:
    with pytest.raises(ConfigurationError, match="Port 80 needs a right"):
        free_port(80)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
@pytest.mark.parametrize("port", [0, 8765])
def test_an_address_that_is_not_of_this_host_is_named(host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"FARM_HOST: {host} is not an address of this host"):
        free_port(port, host)


def test_two_services_never_get_one_port() -> None:
    port = free_port()

    assert prefer_port(port, taken=port) != port
    assert prefer_port(port, taken=0) == port
