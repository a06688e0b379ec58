"""What the routes share: settings, store, tokens and replies of one API process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.embedded import Embedded
from api.replies import Replies
from farm.errors import Unauthorized
from farm.keys import LOCAL_OWNER, Keyring
from farm.queues import EMBED_QUEUE, Tokens
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.connection import AsyncRedisClient
from farm.store.retrievals import Retrievals


@dataclass(frozen=True)
class Service:
    """One API process's hands."""

    settings: Settings
    client: AsyncRedisClient
    batches: Batches
    tokens: Tokens
    retrievals: Retrievals
    embedded: Embedded
    replies: Replies
    keyring: Keyring

    async def call_lean(self, environment: str, count: int) -> None:
        """Publish tokens for Lean work; in a thread, because Celery's producer blocks."""
        if count:
            await asyncio.to_thread(self.tokens.lean, environment, count)

    async def call_embed(self) -> None:
        """Publish a token for the embed room."""
        await asyncio.to_thread(self.tokens.room, EMBED_QUEUE)


async def get_service(request: Request) -> Service:
    """Return the service of the app that answers a request; a coroutine, because FastAPI gives functions a thread."""
    service: Service = request.app.state.service
    return service


async def get_owner(request: Request) -> str:
    """Return whose request it is.

    Raises:
        Unauthorized: keys are used, and this is none.
    """
    return (await get_service(request)).keyring.owner(request.headers.get("authorization"))


async def get_bare_owner(request: Request) -> str:
    """Return whose request it is on the routes of Kimina's server, where the key may stand alone; its texts.

    Raises:
        Unauthorized: keys are used, and this is none.
    """
    keyring = (await get_service(request)).keyring
    if keyring.is_open:
        return LOCAL_OWNER
    if not (authorization := request.headers.get("authorization")):
        raise Unauthorized("Missing API key")
    owner = keyring.owner_of(authorization.removeprefix("Bearer ").strip())
    if owner is None:
        raise Unauthorized("Invalid API key")
    return owner


async def get_retrieve_owner(request: Request) -> str:
    """Return whose premise query it is; with `RETRIEVE_OPEN` anyone's."""
    is_open = (await get_service(request)).settings.retrieve_open
    return LOCAL_OWNER if is_open else await get_owner(request)


ServiceDep = Annotated[Service, Depends(get_service)]
OwnerDep = Annotated[str, Depends(get_owner)]
