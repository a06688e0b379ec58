"""The answer to a host that joins: how it reaches the store, and the settings in which all hosts must agree."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import urlsplit, urlunsplit

from farm.errors import Conflict
from farm.loopback import is_loopback
from farm.models import HostSettings
from farm.sentinels import is_sentinel
from farm.settings import Settings

# If the values differed between hosts, a proof's verdict would depend on the host that runs the proof.
_AGREED = ("lean_max_deaths", "lean_slices", "verdict_cache_mb", "retention_s")


def host_settings(settings: Settings) -> HostSettings:
    """Return the settings for a host that joins.

    Raises:
        Conflict: other hosts cannot reach the store or the broker.
    """
    return HostSettings(
        version=version("leanfarm"),
        redis_url=_reachable(settings.redis_url, settings.join_address),
        broker_url=_reachable(settings.broker, settings.join_address),
        settings={name.upper(): str(getattr(settings, name)) for name in _AGREED},
    )


def _reachable(url: str, address: str) -> str:
    """Return the URL at which other hosts reach a server.

    If `url` names loopback, the server is the farm's own, which listens at `address` too.
    """
    parts = urlsplit(url)
    if is_sentinel(url) or not is_loopback(parts.hostname or ""):
        return url
    if not address:
        raise Conflict(
            "Other hosts cannot reach this farm's store: start it with `farm up --join-address ADDRESS`, or set "
            "REDIS_URL to a server that they reach"
        )
    user, _, _ = parts.netloc.rpartition("@")
    host = f"[{address}]" if ":" in address else address
    return urlunsplit(parts._replace(netloc=f"{user}@{host}:{parts.port}"))
