"""One text-embeddings-inference server: its routes, and what its answers mean."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import orjson

from farm.errors import ConfigurationError, EmbeddingError
from workers.embed.failures import Busy, CallRejected, ServiceDown

# A host that accepts no connection is given up long before a call's time is up.
_CONNECT_TIMEOUT_S = 5.0
_JSON = {"content-type": "application/json"}
# The documentation and the code of TEI 1.9 disagree on which of 413 and 422 an oversized call gets; an empty text gets
# 400.
_REJECTED = frozenset({400, 413, 422})
_REFUSED = frozenset({401, 403})
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Info:
    """The answer to `/info`; a server may leave out any field.

    Attributes:
        model: the id of the model, empty if unknown.
        revision: the model's commit, empty if unknown.
        max_batch: how many inputs a call may have: the smaller of the server's `max_client_batch_size` and
            `max_concurrent_requests`; None if both are unknown.
    """

    model: str = ""
    revision: str = ""
    max_batch: int | None = None


class TeiServer:
    """A server at one URL, called over connections that are kept alive.

    Attributes:
        shown: the URL without credentials, for messages.
        connections: how many connections have been opened; a server that restarts gets a new one.

    Raises:
        ConfigurationError: the URL is invalid, or the key cannot be sent.
    """

    def __init__(self, url: str, key: str = "") -> None:
        try:
            parsed = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"EMBED_SERVICE_URL is not a URL ({error})") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigurationError("EMBED_SERVICE_URL must hold URLs such as http://127.0.0.1:8080")
        self.connections = 0
        self.shown = str(parsed.copy_with(username=None, password=None))
        # The service is the operator's own: neither a proxy from the environment nor a redirect may send calls
        # elsewhere.
        headers = _key_headers(key.strip())
        self._client = httpx.Client(
            base_url=parsed, headers=headers, follow_redirects=False, trust_env=False, verify=_certificates()
        )

    def info(self, timeout_s: float) -> Info:
        """Return what the server says about itself.

        Raises:
            EmbeddingError: the server cannot be reached, or refuses the farm's calls.
        """
        status, content = self._call("GET", "/info", None, timeout_s)
        if status in _BUSY | _REFUSED:
            raise self._failure(status)
        try:
            said = orjson.loads(content) if status == httpx.codes.OK else {}
        except orjson.JSONDecodeError:
            said = {}
        return _info(said if isinstance(said, dict) else {})

    def embed(self, inputs: list[bytes], timeout_s: float) -> Any:
        """Return the server's JSON value for inputs that are given as JSON strings; the value is not checked.

        Raises:
            Busy, ServiceDown, CallRejected, EmbeddingError: see `workers.embed.failures`.
        """
        body = b'{"inputs":[' + b",".join(inputs) + b'],"truncate":true}'
        status, content = self._call("POST", "/embed", body, timeout_s)
        if status != httpx.codes.OK:
            raise self._failure(status)
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise EmbeddingError(f"{self} answers with something that is not JSON") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __str__(self) -> str:
        return f"The embedding service at {self.shown}"

    def _call(self, method: str, path: str, body: bytes | None, timeout_s: float) -> tuple[int, bytes]:
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S))
        deadline, traced = time.monotonic() + timeout_s, {"trace": self._note}
        try:
            with self._client.stream(
                method, path, content=body, headers=_JSON, timeout=timeout, extensions=traced
            ) as response:
                return response.status_code, b"".join(self._until(deadline, response.iter_bytes()))
        except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Busy(f"{self} cannot be reached: is it running, and is EMBED_SERVICE_URL right?") from error
        except httpx.TimeoutException as error:
            raise self._too_slow() from error
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise Busy(f"{self} cannot be reached ({why}): is it running, and is EMBED_SERVICE_URL right?") from error
        except httpx.RequestError as error:
            raise EmbeddingError(f"{self} answers with something that cannot be read") from error

    def _note(self, event: str, _: dict[str, Any]) -> None:
        """Count connections; httpx calls this at each step of a call."""
        if event == "connection.connect_tcp.complete":
            self.connections += 1

    def _until(self, deadline: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Bound the time of the whole answer: httpx bounds only each read, so an answer could trickle in for ever."""
        for chunk in chunks:
            if time.monotonic() > deadline:
                raise self._too_slow()
            yield chunk

    def _too_slow(self) -> ServiceDown:
        return ServiceDown(f"{self} did not answer in time: raise EMBED_SERVICE_TIMEOUT, or reduce its load")

    def _failure(self, status: int) -> EmbeddingError:
        if status in _REJECTED:
            advice = "is it empty?" if status == httpx.codes.BAD_REQUEST else "shorten it"
            return CallRejected(f"{self} does not accept the text (HTTP {status}): {advice}")
        if status in _BUSY:
            return Busy(f"{self} is overloaded or not ready (HTTP {status}): try again later, or add another URL")
        if status in _REFUSED:
            return ServiceDown(f"{self} refuses the farm's calls (HTTP {status}): set EMBED_API_KEY to its key")
        if status == httpx.codes.FAILED_DEPENDENCY:
            return EmbeddingError(f"{self} failed to compute (HTTP 424): its log says why")
        return EmbeddingError(f"{self} answers with HTTP {status}: is it text-embeddings-inference, at its final URL?")


def _key_headers(key: str) -> dict[str, str]:
    # The key is checked here, because httpx's error would quote an illegal header, and with it the key.
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("EMBED_API_KEY holds characters that no HTTP header can carry")
    return {"Authorization": f"Bearer {key}"} if key else {}


@cache
def _certificates() -> ssl.SSLContext:
    """Return a TLS context with the system's certificates; httpx leaves them out when it ignores the environment."""
    return ssl.create_default_context()


def _info(said: dict[str, Any]) -> Info:
    limits = [
        limit
        for name in ("max_client_batch_size", "max_concurrent_requests")
        if isinstance(limit := said.get(name), int) and limit > 0
    ]
    model, revision = said.get("model_id"), said.get("model_sha")
    return Info(
        model if isinstance(model, str) else "",
        revision if isinstance(revision, str) else "",
        min(limits, default=None),
    )
