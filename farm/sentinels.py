"""URLs of a store behind Redis Sentinel. The sentinels know where the primary of the store is.

The URL reads `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT,HOST:PORT/DATABASE?service=NAME`. USER and PASSWORD
are for the primary. If the sentinels ask for a login too, the query also has `sentinel_username` and
`sentinel_password`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from farm.errors import ConfigurationError

SCHEME = "redis+sentinel"
_PORT = 26379
_KNOWN = {"service", "sentinel_username", "sentinel_password"}


@dataclass(frozen=True, slots=True)
class Sentinels:
    """The sentinels that a URL names, and the logins in the URL.

    Attributes:
        hosts: the sentinels, as (host, port).
        service: the sentinels' name for the primary that they watch.
        database: the number of the database.
        login: `username` and `password` for the primary, if the URL has them.
        own_login: `username` and `password` for the sentinels, if the URL has them.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    login: dict[str, str]
    own_login: dict[str, str]

    def broker(self) -> tuple[str, dict[str, Any]]:
        """Return the store as a broker for Celery: a URL, and further options for kombu's transport."""
        user, password = (quote(self.login.get(name, ""), safe="") for name in ("username", "password"))
        login = f"{user}:{password}@" if password else ""
        urls = [f"sentinel://{login}{_bracketed(host)}:{port}/{self.database}" for host, port in self.hosts]
        return ";".join(urls), {"master_name": self.service, "sentinel_kwargs": {**self.own_login, "socket_timeout": 5}}


def is_sentinel(url: str) -> bool:
    """Whether a URL names sentinels and not a server."""
    return urlsplit(url).scheme.partition("+")[2] == "sentinel"


def parse_sentinels(url: str) -> Sentinels:
    """Return the sentinels that a URL names.

    Raises:
        ConfigurationError: something is missing or unknown; the message says what, and repeats no password.
    """
    parts = urlsplit(url)
    if parts.scheme != SCHEME:
        raise ConfigurationError(f"REDIS_URL: TLS is not supported with Sentinel, only {SCHEME}://")
    query = dict(parse_qsl(parts.query))
    if strangers := sorted(query.keys() - _KNOWN):
        raise ConfigurationError(
            f"REDIS_URL: {', '.join(strangers)} is not known; the known ones are {', '.join(sorted(_KNOWN))}"
        )
    if not query.get("service"):
        raise ConfigurationError("REDIS_URL: name the primary that the sentinels watch, `?service=NAME`")
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    database = parts.path.strip("/") or "0"
    if not database.isdecimal():
        raise ConfigurationError("REDIS_URL: the hosts must be followed by the number of a database, `/0`")
    own = {"username": query.get("sentinel_username", ""), "password": query.get("sentinel_password", "")}
    return Sentinels(
        tuple(_host(text) for text in hosts.split(",")),
        query["service"],
        int(database),
        _given({"username": unquote(user), "password": unquote(password)}),
        _given(own),
    )


def _host(text: str) -> tuple[str, int]:
    try:
        at = urlsplit(f"//{text}")
        host, port = at.hostname, at.port or _PORT
    except ValueError:
        host = None
    if not host:
        raise ConfigurationError("REDIS_URL: sentinels are named HOST:PORT,HOST:PORT")
    return host, port


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _given(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
