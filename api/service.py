"""The service behind all routes: the settings, store, tokens and replies of one API process."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api.body_memory import Buffered, Holding
from api.known_premises import Embedded
from api.rate_limits import Pace, address_name
from api.replies import Replies
from api.streams import WaitingStreams
from farm.celery_app import EMBED_QUEUE, Tokens
from farm.errors import Unauthorized
from farm.keys import LOCAL_OWNER, Keyring, Scope
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.client import AsyncRedisClient
from farm.store.environments import KnownEnvironments
from farm.store.retrievals import Retrievals
from farm.traces import span

# This only declares the keys in the OpenAPI document; the keyring reads the header.
_BEARER = HTTPBearer(auto_error=False, scheme_name="ApiKey", description="`farm keys create NAME` prints one.")


@dataclass(frozen=True)
class Service:
    """The objects that the routes of one API process share."""

    settings: Settings
    client: AsyncRedisClient
    batches: Batches
    environments: KnownEnvironments
    tokens: Tokens
    retrievals: Retrievals
    embedded: Embedded
    replies: Replies
    keyring: Keyring
    pace: Pace
    buffered: Buffered
    waiting_streams: WaitingStreams

    async def call_lean(self, environment: str, count: int) -> None:
        """Publish this many tokens for Lean work; the call runs in a thread, because Celery's producer blocks."""
        if count:
            with span("token", count=count):
                await asyncio.to_thread(self.tokens.lean, environment, count)

    def call_embed(self) -> None:
        """Publish a token for the embed room, in a thread that nobody waits for: the reaper replaces lost tokens."""
        asyncio.get_running_loop().run_in_executor(None, self.tokens.room, EMBED_QUEUE)


async def get_service(request: Request) -> Service:
    """Return the service of the app that answers a request.

    The function is `async`, because FastAPI would run a plain function in a thread.
    """
    service: Service = request.app.state.service
    return service


async def admit(request: Request, find_owner: Callable[[Keyring, str | None], str]) -> str:
    """Admit a request and return its owner, whom `find_owner` finds by the keyring and the `Authorization` header.

    A farm without keys has a single owner, whose requests are not limited.

    Raises:
        RateLimited: the key asks too often.
    """
    service = await get_service(request)
    if service.keyring.is_open:
        return LOCAL_OWNER
    owner = find_owner(service.keyring, request.headers.get("authorization"))
    service.pace.admit(f"key {owner}")
    return owner


def _owner(scope: Scope) -> Any:
    """Return the dependency that admits keys of one scope."""

    async def owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> AsyncIterator[str]:
        """Yield the owner of a request.

        Raises:
            Unauthorized: the farm has keys, and the request shows none of them.
            Forbidden: the key lacks the scope.
            RateLimited: the key asks too often.
        """
        async with serving(request, await admit(request, _by_scope(scope))) as owner:
            yield owner

    return Depends(owner)


def _by_scope(scope: Scope) -> Callable[[Keyring, str | None], str]:
    return lambda keyring, authorization: keyring.owner(authorization, scope)


@contextlib.asynccontextmanager
async def serving(request: Request, owner: str) -> AsyncIterator[str]:
    """Within this context, add the bytes read from a request's body to what the request's owner holds in memory.

    Leave the context once the request is answered: the bytes then no longer count.
    """
    holding = request.state.holding = Holding((await get_service(request)).buffered, owner)
    try:
        yield owner
    finally:
        holding.free()


async def get_bare_owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> AsyncIterator[str]:
    """Yield the owner of a request on the routes of Kimina's server.

    The key needs no `Bearer` before it, and the error texts are those of that server.

    Raises:
        Unauthorized: the farm has keys, and the request shows none of them.
        Forbidden: the key lacks the `verify` scope.
        RateLimited: the key asks too often.
    """
    async with serving(request, await admit(request, _bare_owner)) as owner:
        yield owner


def _bare_owner(keyring: Keyring, authorization: str | None) -> str:
    if not authorization:
        raise Unauthorized("Missing API key")
    key = keyring.find(authorization.removeprefix("Bearer ").strip())
    if key is None:
        raise Unauthorized("Invalid API key")
    key.require(Scope.VERIFY)
    return key.name


async def get_url_owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> AsyncIterator[str]:
    """Yield the owner of a request. For clients that know only a URL, the key may be the password in the URL.

    Raises:
        Unauthorized, Forbidden, RateLimited: as for any route.
    """
    async with serving(request, await admit(request, _url_owner)) as owner:
        yield owner


def _url_owner(keyring: Keyring, authorization: str | None) -> str:
    return keyring.owner(_from_url(authorization), Scope.VERIFY)


def _from_url(authorization: str | None) -> str | None:
    """Return an `Authorization` header in the form `Bearer KEY`; None if it cannot be read.

    HTTP clients send the user and password of a URL in a `Basic` header. The password in this header is the key.
    """
    scheme, _, given = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return authorization
    with contextlib.suppress(ValueError):
        return f"Bearer {b64decode(given, validate=True).decode().partition(':')[2]}"
    return None


async def admit_stranger(request: Request) -> None:
    """Admit a request without a key, unless its address asks too often.

    Raises:
        RateLimited: the address asks too often.
    """
    service = await get_service(request)
    if not service.keyring.is_open:
        service.pace.admit(f"address {address_name(request.client.host if request.client else '')}")


async def get_retrieve_owner(request: Request, _shown: Annotated[Any, Security(_BEARER)]) -> AsyncIterator[str]:
    """Yield the owner of a premise query; with `RETRIEVE_OPEN` no key is needed.

    Raises:
        Unauthorized, Forbidden, RateLimited: as for any route.
    """
    if (await get_service(request)).settings.retrieve_open:
        await admit_stranger(request)
        owner = LOCAL_OWNER
    else:
        owner = await admit(request, _by_scope(Scope.RETRIEVE))
    async with serving(request, owner):
        yield owner


ServiceDep = Annotated[Service, Depends(get_service)]
VerifierDep = Annotated[str, _owner(Scope.VERIFY)]
RetrieverDep = Annotated[str, _owner(Scope.RETRIEVE)]
OperatorDep = Annotated[str, _owner(Scope.OPERATE)]
JoinerDep = Annotated[str, _owner(Scope.JOIN)]
