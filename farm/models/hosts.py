"""The settings that another host needs to work for a farm."""

from __future__ import annotations

from pydantic import BaseModel


class HostSettings(BaseModel):
    """The settings of a host that joins; they hold the store's password.

    Attributes:
        version: the farm's release.
        redis_url: the store, as other hosts reach it.
        broker_url: Celery's broker, as other hosts reach it.
        settings: the variables in which all hosts of a farm must agree.
    """

    version: str
    redis_url: str
    broker_url: str
    settings: dict[str, str]
