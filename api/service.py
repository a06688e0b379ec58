"""What the routes share: settings, store, tokens and replies of one API process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api.embedded import Embedded
from api.replies import Replies
from farm.errors import Unauthorized
from farm.keys import LOCAL_OWNER, Keyring, Scope
from farm.queues import EMBED_QUEUE, Tokens
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.connection import AsyncRedisClient
from farm.store.retrievals import Retrievals

# Puts the keys into the OpenAPI document; the keyring reads the header.
_BEARER = HTTPBearer(auto_error=False, scheme_name="API key", description="`farm keys create NAME` prints one.")


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


def _owner(scope: Scope) -> Any:
    """Return the dependency that says whose request it is, where that key is good for `scope`."""

    async def owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> str:
        return (await get_service(request)).keyring.owner(request.headers.get("authorization"), scope)

    return Depends(owner)


async def get_bare_owner(request: Request) -> str:
    """Return whose request it is on the routes of Kimina's server, where the key may stand alone; its texts.

    Raises:
        Unauthorized: keys are used, and this is none.
        Forbidden: the key is not for proofs.
    """
    keyring = (await get_service(request)).keyring
    if keyring.is_open:
        return LOCAL_OWNER
    if not (authorization := request.headers.get("authorization")):
        raise Unauthorized("Missing API key")
    key = keyring.find(authorization.removeprefix("Bearer ").strip())
    if key is None:
        raise Unauthorized("Invalid API key")
    key.require(Scope.VERIFY)
    return key.name


async def get_retrieve_owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> str:
    """Return whose premise query it is; with `RETRIEVE_OPEN` anyone's.

    Raises:
        Unauthorized: keys are used, and this is none.
        Forbidden: it is not for premises.
    """
    service = await get_service(request)
    if service.settings.retrieve_open:
        return LOCAL_OWNER
    return service.keyring.owner(request.headers.get("authorization"), Scope.RETRIEVE)


ServiceDep = Annotated[Service, Depends(get_service)]
VerifierDep = Annotated[str, _owner(Scope.VERIFY)]
RetrieverDep = Annotated[str, _owner(Scope.RETRIEVE)]
OperatorDep = Annotated[str, _owner(Scope.OPERATE)]
