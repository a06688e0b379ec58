"""The MCP server over streamable HTTP, which an HTTP API serves at one path."""

from __future__ import annotations

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from farm.mcp.calls import Connect
from farm.mcp.server import create_server


def session_manager(connect: Connect) -> StreamableHTTPSessionManager:
    """Return the manager that answers the requests, each on its own; it serves while its `run()` is open.

    The API has to check who may ask, and under which host name.

    Args:
        connect: gives the client of the farm for a call.
    """
    server = create_server(connect)
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server.streamable_http_app(stateless_http=True, transport_security=unchecked)
    return server.session_manager
