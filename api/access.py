"""Logs and traces of requests.

Each request gets a name, a log line, and a span if traces are on. The name is on every line that is logged while the
request is served. Routine requests, such as probes, get their log line only if they raise an exception.
"""

from __future__ import annotations

import re
import secrets
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from farm.traces import serve_span

_NAME = b"x-request-id"
# The header in which the SDK sends a name for each attempt at a call. By this name, the SDK recognises the response.
# `X-Request-ID` cannot serve for this, because proxies replace it.
_TRY = b"farm-request"
_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_BATCH = re.compile("[0-9a-f]{32}")
# Requests to these routes are logged only if they fail with an exception, because machines send them every few seconds.
# /metrics counts them.
_QUIET = {"/livez", "/readyz", "/health", "/metrics"}

_log = structlog.get_logger()


class Access:
    """Gives each request a name, puts the name on every line that is logged meanwhile, and logs how the request ended.

    The name is the client's `X-Request-ID` if that is short and plain, otherwise a new one. The response carries the
    name, and repeats the request's `Farm-Request` header if that is short and plain too. The log line has the route
    instead of the path, and nothing from the body, the query or the key.

    Args:
        app: the app that answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _given(scope, _NAME)
        name = name if _ACCEPTED.fullmatch(name) else secrets.token_hex(8).encode()
        # A pipelined request starts with the log context that the request before it bound.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=name.decode())
        with serve_span(scope["method"], _given(scope, b"traceparent").decode("latin-1")) as span:
            status = await self._answer(scope, receive, send, name)
            span.rename(f"{scope['method']} {_route(scope)}")
            span.note(request=name.decode(), status=status, **_named_batch(scope))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, name: bytes) -> int:
        """Let the app answer a request; return the response's status, or 0 if there was no response."""
        started, status = time.monotonic(), 0
        tried = _given(scope, _TRY)
        named = [(_NAME, name), *([(_TRY, tried)] if _ACCEPTED.fullmatch(tried) else [])]

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *named]
            await send(message)

        fault: Exception | None = None
        try:
            await self._app(scope, receive, send_named)
        except Exception as error:  # noqa: BLE001 - an uncaught exception; a response was sent if possible
            fault = error
        if fault or _route(scope) not in _QUIET:
            _log_end(scope, status, time.monotonic() - started, fault)
        return status


def _log_end(scope: Scope, status: int, seconds: float, fault: Exception | None) -> None:
    seen = {"method": scope["method"], "route": _route(scope), "status": status, "seconds": round(seconds, 6)}
    if fault:
        _log.error("request.fault", **seen, **_named_batch(scope), exc_info=fault)
    else:
        _log.info("request", **seen, **_named_batch(scope))


def _given(scope: Scope, header: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == header), b"")


def _named_batch(scope: Scope) -> dict[str, str]:
    """Return the id of the request's batch, as a field of the log line; empty if there is no batch.

    The id comes from the path, or from the batch that the request committed. Only text in the form of an id is logged.
    """
    named = scope.get("path_params", {}).get("batch_id") or structlog.contextvars.get_contextvars().get("batch", "")
    return {"batch": named} if _BATCH.fullmatch(named) else {}


def _route(scope: Scope) -> str:
    """Return the template of the route that was taken; empty if no route matched."""
    return getattr(scope.get("route"), "path", "")
