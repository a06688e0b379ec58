"""`farm mcp`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from farm.cli.texts import decode, read_file
from farm.client import AsyncFarm
from farm.errors import ConfigurationError, InvalidRequest

# An agent waits: better told soon that no farm answers than kept hoping.
_RETRIES = 2


def mcp() -> None:
    """Give an agent the farm's tools over stdin and stdout (Model Context Protocol).

    The agent's program starts this; the farm is found by FARM_URL and FARM_API_KEY, as for the other commands.

    Example, for Claude Code: claude mcp add --env FARM_URL=http://127.0.0.1:8000 leanfarm -- farm mcp
    """
    try:
        from farm.mcp.server import create_server
    except ImportError as error:
        # An mcp 1 is there and lacks what is named.
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise ConfigurationError("`farm mcp` needs the library mcp: `pip install 'leanfarm[mcp]'` brings it") from error
    farm = AsyncFarm(retries=_RETRIES)

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[AsyncFarm]:
        yield farm

    with contextlib.suppress(KeyboardInterrupt):
        create_server(connect, _read).run("stdio")


def _read(path: str) -> str:
    """Return the text of a file that an agent names.

    Raises:
        InvalidRequest: it is no Lean file, or cannot be read.
    """
    if Path(path).suffix != ".lean":
        # What an agent is told to read comes back in Lean's errors: nothing but Lean sources leaves this machine.
        raise InvalidRequest(f"{path}: only files whose name ends in .lean are read")
    return decode(read_file(Path(path)), path)
