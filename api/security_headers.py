"""The checks that every request passes first, and the headers on every answer."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_response
from farm.errors import Forbidden

_CLOSED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Swagger's page starts with an inline script.
_DOCS = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self'; img-src data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# The console's page loads only its own files, and asks only this farm. It never turns a text into HTML or a script.
_CONSOLE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "require-trusted-types-for 'script'; trusted-types 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_POLICIES = {"/docs": _DOCS, "/console": _CONSOLE}
_PLAIN = re.compile("[a-z0-9_-]*[a-z_-][a-z0-9_-]*")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Puts security headers on every answer. If the farm has no keys, also refuses requests that do not name this host.

    No CORS header is ever sent, so no page from another origin can read an answer. Without keys, this is not enough: an
    attacker can point a host name at 127.0.0.1, and a page of that name then has the farm's own origin and could run
    proofs here. Requests from such a page are recognised by their host name.

    Args:
        app: the app that answers.
        is_open: whether the farm has no keys.
    """

    def __init__(self, app: ASGIApp, *, is_open: bool) -> None:
        self._app = app
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        app: ASGIApp = self._app
        if self._is_open and not _is_from_here(Headers(scope=scope)):
            text = "Without keys this farm answers only http://127.0.0.1 and http://localhost: set API_KEYS_FILE"
            app = error_response(Request(scope), Forbidden(text))
        await app(scope, receive, send_with_headers)


def _add_headers(headers: MutableHeaders, path: str) -> None:
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", _POLICIES.get(path, _CLOSED))


def _is_from_here(headers: Headers) -> bool:
    """Whether a request names this host, and does not come from a page of another host."""
    origin = headers.get("origin")
    return _is_local(f"//{headers.get('host', '')}") and (origin is None or _is_local(origin))


def _is_local(url: str) -> bool:
    """Whether a URL names this host, or a host whose name has no dot. No page on the internet has such a host name."""
    try:
        name = urlsplit(url).hostname or ""
        return ("@" not in url and _PLAIN.fullmatch(name) is not None) or ip_address(name).is_loopback
    except ValueError:
        return False
