"""A client with which a test may send any command to a store; the farm's own types have only the farm's commands."""

from __future__ import annotations

from typing import Any, TypeAlias

from farm.store.connection import connect, connect_async

OpenStore: TypeAlias = Any
"""redis-py's blocking client, untyped."""
AsyncOpenStore: TypeAlias = Any
"""The API's asynchronous client, untyped."""


def open_store(url: str) -> OpenStore:
    """Connect as a worker does."""
    return connect(url)


def open_store_async(url: str) -> AsyncOpenStore:
    """Connect as the API does."""
    return connect_async(url)
