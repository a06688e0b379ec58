"""Agents for tests: the official MCP client on a farm, over either transport."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from tests.support.running import RunningFarm


@asynccontextmanager
async def stdio_agent(farm: RunningFarm, key: str = "", url: str = "") -> AsyncIterator[Client]:
    """Yield a client that starts `farm mcp` and talks to it, as Claude Code does."""
    environment = {**farm.environment, "FARM_URL": url or farm.url, "FARM_API_KEY": key}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "farm", "mcp"], env=environment, cwd=str(farm.folder)
    )
    async with Client(stdio_client(server)) as client:
        yield client


@asynccontextmanager
async def http_agent(farm: RunningFarm, key: str = "", mode: str = "auto") -> AsyncIterator[Client]:
    """Yield a client of the farm's `/mcp`; the mode `legacy` is the protocol of clients before July 2026."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        # The connection is plain HTTP. Reading the system's certificates would take each agent a fifth of a second.
        httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300), verify=False) as http,
        Client(streamable_http_client(f"{farm.url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: CallToolResult) -> str:
    """Return the text of a tool's answer."""
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


async def ask(client: Client, tool: str, **arguments: Any) -> Any:
    """Return what a tool answers."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return json.loads(text_of(result))


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """Return the text of a tool's error."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, text_of(result)
    return text_of(result)
