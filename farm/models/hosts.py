"""The model of the settings that another host needs to work for a farm."""

from __future__ import annotations

from pydantic import BaseModel


class HostSettings(BaseModel):
    """The settings for a host that joins a farm. They contain the store's password.

    Attributes:
        version: the farm's release.
        redis_url: the address at which other hosts reach the store.
        broker_url: the address at which other hosts reach Celery's broker.
        settings: the variables in which all hosts of a farm must agree.
    """

    version: str
    redis_url: str
    broker_url: str
    settings: dict[str, str]
