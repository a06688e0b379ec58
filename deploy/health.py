"""Health checks of the containers: ends with 0 when all is well, else with a sentence and 1.

`health.py URL` asks an HTTP server, `health.py store` asks Redis, and `health.py worker` looks in Redis for a recent
sign of life of a worker process in this container.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import urllib.request

from farm.settings import load
from farm.store.connection import connect_async
from farm.store.registry import read_status

_TIMEOUT_S = 8


async def _check_store(*, wants_worker: bool) -> None:
    client = connect_async(load().redis_url)
    try:
        status = await asyncio.wait_for(read_status(client), _TIMEOUT_S)
    finally:
        await client.aclose()
    if wants_worker and not any(worker.host == socket.gethostname() for worker in status.workers):
        raise RuntimeError(f"no worker process of {socket.gethostname()} gave a sign of life")


def main(what: str) -> None:
    """Check one thing; raises whatever is wrong with it."""
    if what in ("store", "worker"):
        asyncio.run(_check_store(wants_worker=what == "worker"))
    else:
        # The container asks itself, so it ignores proxies of the environment.
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(what, timeout=_TIMEOUT_S).close()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - whatever it is, this is the answer
        sys.exit(f"unhealthy: {error!r}")
