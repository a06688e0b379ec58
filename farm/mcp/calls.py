"""Carries out one call of a tool: asks the farm, reports its progress, and raises the protocol's own errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias, TypeVar

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError

from farm.client import AsyncFarm
from farm.errors import FarmError

T = TypeVar("T")

McpContext: TypeAlias = Context[Any, Any]
Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncFarm]]
"""Returns a context whose value is the farm's client for one call, with the caller's key."""
Ask: TypeAlias = Callable[[AsyncFarm], Awaitable[T]]

_TOLD_EVERY_S = 2.0


async def call_tool(context: McpContext, connect: Connect, ask: Ask[T]) -> T:
    """Ask the farm for the tool's answer, and return it.

    If the agent cancels the call, the request to the farm is dropped, and the farm drops the work for it.

    Raises:
        ToolError: the farm refused or failed; the message holds the error's code and message.
    """
    telling = asyncio.create_task(_tell(context))
    try:
        async with connect() as farm:
            return await ask(farm)
    except FarmError as error:
        raise ToolError(in_words(error)) from error
    finally:
        telling.cancel()


async def read_resource(connect: Connect, ask: Ask[T]) -> T:
    """Ask the farm for a resource, and return its text.

    Raises:
        ResourceError: the farm refused or failed; the message holds the error's code and message.
    """
    try:
        async with connect() as farm:
            return await ask(farm)
    except FarmError as error:
        raise ResourceError(in_words(error)) from error


def in_words(error: FarmError) -> str:
    """Return an error as one line: its code, which is stable across releases, and then its message."""
    return f"{error.code}: {error.message}"


async def _tell(context: McpContext) -> None:
    """Report every two seconds how long a call has waited; only a client that asked for progress gets the reports."""
    waited_s = 0.0
    while True:
        await context.report_progress(waited_s, message=f"Waiting for the farm, {waited_s:g} s so far")
        await asyncio.sleep(_TOLD_EVERY_S)
        waited_s += _TOLD_EVERY_S
