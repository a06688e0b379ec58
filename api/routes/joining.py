"""The route for hosts that join the farm."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.joining import host_settings
from api.openapi import FAILURES
from api.service import JoinerDep, ServiceDep
from farm.errors import Conflict
from farm.models import HostSettings

router = APIRouter(tags=["operations"], responses=FAILURES)


@router.get("/v1/join", response_model=HostSettings)
async def join(service: ServiceDep, _owner: JoinerDep, response: Response) -> HostSettings:
    """Get what `farm join` needs on another host: the store's address with its password, and shared settings.

    The key needs the scope `join`, which no key has unless it was asked for by name.
    """
    if service.keyring.is_open:
        raise Conflict("Hosts join only a farm with keys: set API_KEYS_FILE, and make a key with the scope `join`")
    response.headers["Cache-Control"] = "no-store"
    return host_settings(service.settings)
