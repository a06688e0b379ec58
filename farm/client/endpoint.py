"""Where the farm is, and the key to send."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

from farm.client.environment import variables
from farm.errors import ConfigurationError
from farm.loopback import is_loopback

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class FarmEndpoint:
    """A farm's address.

    Attributes:
        url: the base URL for requests, which may hold a proxy's password.
        headers: the headers of every request, which may hold the key.
        given_key: the key that was given as an argument; None if the key comes from the environment.
    """

    url: httpx.URL = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    given_key: str | None = field(repr=False)

    @classmethod
    def resolve(cls, base_url: str | None, api_key: str | None) -> FarmEndpoint:
        """Return the endpoint that the arguments name. The environment or `./.env` replaces an argument that is None.

        Raises:
            ConfigurationError: the URL is not an HTTP URL, the key cannot be sent, or `./.env` cannot be read.
        """
        found = variables() if not base_url or api_key is None else {}
        text = base_url or found.get("FARM_URL") or _local_url(found.get("PORT", "8000"))
        key = found.get("FARM_API_KEY", "") if api_key is None else api_key
        return cls(_parse_url(text), _key_headers(key.strip()), api_key)

    def __reduce__(self) -> tuple[Any, ...]:
        # A key from the environment is not pickled, because pickles end up in files and queues.
        return FarmEndpoint.resolve, (str(self.url), self.given_key)

    def __str__(self) -> str:
        """Return the address without user and password, for errors and reprs."""
        return f"{self.url.scheme}://{self.url.netloc.decode()}{self.url.path}".rstrip("/")

    @property
    def trusts_environment(self) -> bool:
        """Whether to use the proxies that the environment names: yes, unless the farm is on this host."""
        return not is_loopback(self.url.host)


def _local_url(port: str) -> str:
    if not (port.strip().isdecimal() and int(port) <= _MAX_PORT):
        raise ConfigurationError(f"PORT must be a number from 0 to {_MAX_PORT} (got {port!r})")
    return f"http://127.0.0.1:{int(port)}"


def _parse_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        # The message does not quote the URL, because it may hold a password.
        raise ConfigurationError("The farm's URL (FARM_URL) must read like http://127.0.0.1:8000")
    return url


def _key_headers(key: str) -> dict[str, str]:
    # The key is checked here, because httpx's error would quote an illegal header, and with it the key.
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("The API key (FARM_API_KEY) holds characters that no HTTP header can carry")
    return {"Authorization": f"Bearer {key}"} if key else {}
