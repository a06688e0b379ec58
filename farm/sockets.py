"""How soon a silent connection is abandoned.

A peer that vanishes silently (a host that loses power, a firewall that forgets, a frozen virtual machine) closes no
connection. Whoever reads from such a connection would wait for ever. If packets are lost, the kernel ends the
connection; if something on the way still accepts them, the timeouts here end it.
"""

from __future__ import annotations

import socket

CONNECT_S = 2.0
"""How long connecting may take; long enough for a lost packet, which is sent again after one second."""
SILENCE_S = 5.0
"""How long an answer may take."""
LONGEST_BLOCK_S = 3.0
"""How long the server may be asked to hold back an answer to the API."""
SILENCE_WHEN_BLOCKED_S = LONGEST_BLOCK_S + 3.0
"""How long an answer may take on connections where the server holds it back."""
CHECK_EVERY_S = 3
"""How long a connection may be idle without being checked before its next use."""

_PROBE_AFTER_S = 5
_PROBE_EVERY_S = 2
_PROBES = 3


def keepalive() -> dict[int, int]:
    """Return the TCP options that end a connection whose peer acknowledges nothing for some ten seconds.

    Options that a system lacks are left out: macOS has no TCP_USER_TIMEOUT, which bounds how long sent data may stay
    unacknowledged.
    """
    wanted = {
        "TCP_KEEPIDLE": _PROBE_AFTER_S,
        "TCP_KEEPINTVL": _PROBE_EVERY_S,
        "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": 1000 * (_PROBE_AFTER_S + _PROBE_EVERY_S * _PROBES),
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
