"""The MCP server over streamable HTTP, for an HTTP API to serve at one of its paths."""

from __future__ import annotations

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from farm.mcp.calls import Connect
from farm.mcp.server import create_server


def session_manager(connect: Connect) -> StreamableHTTPSessionManager:
    """Return the manager that answers MCP requests, without sessions.

    The manager's `run()` returns a context, and the manager works while this context is open. The API has to check a
    request's key and its host name, because the manager checks neither.

    Args:
        connect: returns a context with the farm's client for one call.
    """
    server = create_server(connect)
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    server.streamable_http_app(stateless_http=True, transport_security=unchecked)
    return server.session_manager
