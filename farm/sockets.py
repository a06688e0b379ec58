"""How soon a silent connection is given up.

A peer may vanish without closing its connections: a host loses power, a firewall forgets a connection, a virtual
machine is frozen. Whoever reads from such a connection would wait for ever. If the peer acknowledges no packets, the
kernel ends the connection. If something on the way still acknowledges them, the timeouts here end it.
"""

from __future__ import annotations

import socket

CONNECT_S = 2.0
"""How long connecting may take. This allows for one lost packet, which is sent again after a second."""
SILENCE_S = 5.0
"""How long an answer may take."""
LONGEST_BLOCK_S = 3.0
"""How long the API may ask the server to block, that is, to hold back an answer."""
SILENCE_WHEN_BLOCKED_S = LONGEST_BLOCK_S + 3.0
"""How long an answer may take if the server may hold it back."""
CHECK_EVERY_S = 3
"""If a connection has been idle for longer than this, it is checked before its next use."""

_PROBE_AFTER_S = 5
_PROBE_EVERY_S = 2
_PROBES = 3


def keepalive() -> dict[int, int]:
    """Return the TCP options that end a connection whose peer acknowledges nothing for some ten seconds.

    Options that the system lacks are left out. For example, macOS has no TCP_USER_TIMEOUT, which limits how long sent
    data may stay unacknowledged.
    """
    wanted = {
        "TCP_KEEPIDLE": _PROBE_AFTER_S,
        "TCP_KEEPINTVL": _PROBE_EVERY_S,
        "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": 1000 * (_PROBE_AFTER_S + _PROBE_EVERY_S * _PROBES),
    }
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}
