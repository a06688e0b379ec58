"""`python -m api`: the HTTP API."""

import contextlib

import uvicorn

from api.access import Access
from api.app import create_app
from api.connections import BoundedServer, Places, Turnover
from api.security_headers import SecurityHeaders
from farm import descriptors
from farm.errors import StoreUnavailable
from farm.logs import configure_logs
from farm.processes import keep_loaded
from farm.settings import load
from farm.store.connection import connect
from farm.store.schema import enter_store
from farm.traces import open_traces

if __name__ == "__main__":
    configure_logs("api")
    descriptors.raise_limit()
    settings = load()
    open_traces("api")
    # If the store does not answer, the API starts anyway. /readyz reports this, and checks the store's state later.
    with contextlib.suppress(StoreUnavailable):
        enter_store(connect(settings.redis_url))
    places = Places(descriptors.limit())
    app = Access(SecurityHeaders(create_app(settings), is_open=settings.api_keys_file is None))
    config = uvicorn.Config(
        Turnover(app, places),
        host=settings.farm_host,
        port=settings.port,
        loop="uvloop",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Clients and balancers close an idle connection sooner (Go after 90 s, nginx and AWS after 60 s). If the server
        # closed it first, a client could send a request on a connection that has just been closed.
        timeout_keep_alive=120,
        timeout_graceful_shutdown=5,
    )
    keep_loaded()
    BoundedServer(config, places).run()
