"""The app factory."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import Route

from api.background_tasks import start_vital
from api.body_memory import Buffered
from api.descriptions import complete
from api.errors import add_error_handlers
from api.known_premises import Embedded
from api.mcp_endpoint import McpEndpoint
from api.rate_limits import Pace
from api.replies import Replies
from api.request_counts import CountedRequests, RequestCounts
from api.routes import (
    batches,
    commands,
    console,
    contents,
    description,
    joining,
    kimina,
    operations,
    premises,
    rewards,
    rows,
)
from api.service import Service
from api.signs_of_life import give_signs
from api.streams import WaitingStreams
from farm.celery_app import Tokens, celery_app
from farm.errors import ConfigurationError
from farm.keys import Keyring, read_keys
from farm.loopback import LOOPBACK_HOSTS
from farm.models import (
    BatchRequest,
    CommandsRequest,
    RerunRequest,
    RetrieveBatchRequest,
    RetrieveRequest,
    RowsRequest,
    TacticsRequest,
)
from farm.models.kimina import CheckRequest, VerifyRequest
from farm.models.openrlhf import OpenRLHFRequest
from farm.settings import Settings
from farm.store.batches import Batches
from farm.store.connection import connect_async, most_connections
from farm.store.environments import KnownEnvironments
from farm.store.quotas import Quotas
from farm.store.retrievals import Retrievals

_ROUTES = (batches, contents, rows, commands, premises, rewards, kimina, operations, joining, description, console)
_BODIES = (
    BatchRequest,
    RerunRequest,
    CommandsRequest,
    TacticsRequest,
    RowsRequest,
    RetrieveRequest,
    RetrieveBatchRequest,
    CheckRequest,
    VerifyRequest,
    OpenRLHFRequest,
)


def create_app(settings: Settings) -> FastAPI:
    """Return the API for these settings; the API connects to Redis when it starts.

    Raises:
        ConfigurationError: the key file cannot be used; or no key file is set, and `FARM_HOST` is not a loopback
            address.
    """
    if settings.api_keys_file:
        read_keys(settings.api_keys_file)
    elif settings.farm_host not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"FARM_HOST={settings.farm_host} without keys would let anyone run code here: set API_KEYS_FILE"
        )

    endpoint, counts = McpEndpoint(settings), RequestCounts()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        client = connect_async(settings.redis_url)
        for_replies = connect_async(settings.redis_url)
        replies = Replies(for_replies)
        app.state.service = Service(
            settings,
            client,
            Batches(client, _quotas(settings)),
            KnownEnvironments(client),
            Tokens(celery_app(settings)),
            Retrievals(client, most_inputs=settings.embed_service_max_concurrent_inputs),
            Embedded(settings.lru_cache_size),
            replies,
            Keyring(settings.api_keys_file),
            Pace(settings.max_requests_per_s),
            Buffered(),
            WaitingStreams(_most_streams(settings)),
        )
        tasks = [
            start_vital("pulse", give_signs(settings.data_dir)),
            start_vital("request counts", counts.report(client)),
        ]
        async with replies.reading(), endpoint.serving():
            yield
        for task in tasks:
            task.cancel()
        await for_replies.aclose()
        await client.aclose()

    app = FastAPI(title="leanfarm", version=version("leanfarm"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(CountedRequests, counts=counts)
    add_error_handlers(app)
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.router.routes.append(Route("/mcp", endpoint, methods=["POST"]))
    app.mount("/console/assets", console.assets())
    app.mount("/docs/assets", description.assets())
    _describe_bodies(app)
    return app


def _quotas(settings: Settings) -> Quotas:
    return Quotas(settings.quota_proofs, settings.quota_mb, settings.max_pending_proofs, settings.max_stored_mb)


def _most_streams(settings: Settings) -> int:
    """Return how many streams of one owner may wait at Redis at a time; 0 sets no limit.

    Without API keys there is only one owner, who needs no limit.
    """
    return most_connections() * 3 // 4 if settings.api_keys_file else 0


def _describe_bodies(app: FastAPI) -> None:
    """Add to the OpenAPI document the models of the bodies that routes parse themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in _BODIES:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[model.__name__] = schema
            complete(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
