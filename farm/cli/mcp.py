"""`farm mcp`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from farm.cli.texts import decode, read_file
from farm.client import AsyncFarm
from farm.errors import ConfigurationError, InvalidRequest

# An agent is waiting. If no farm answers, the agent should learn it soon, so the SDK makes only a few retries.
_RETRIES = 2


def mcp() -> None:
    """Give an agent the farm's tools over stdin and stdout (Model Context Protocol).

    The agent's program starts this command. FARM_URL and FARM_API_KEY name the farm, as for the other commands.

    Example, for Claude Code: claude mcp add --env FARM_URL=http://127.0.0.1:8000 leanfarm -- farm mcp
    """
    try:
        from farm.mcp.server import create_server
    except ImportError as error:
        # The error names mcp if it is not installed, and also if its version is 1, which lacks the imported name.
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise ConfigurationError("`farm mcp` needs the library mcp: `pip install 'leanfarm[mcp]'`") from error
    farm = AsyncFarm(retries=_RETRIES)

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[AsyncFarm]:
        yield farm

    with contextlib.suppress(KeyboardInterrupt):
        create_server(connect, _read).run("stdio")


def _read(path: str) -> str:
    """Return the text of a file that an agent names.

    Raises:
        InvalidRequest: the file is not a Lean file, or cannot be read.
    """
    if Path(path).suffix != ".lean":
        # Lean's errors quote the text that they are about, and somebody may trick an agent into sending any file. So
        # only Lean sources may leave this machine.
        raise InvalidRequest(f"{path}: only files whose name ends in .lean are read")
    return decode(read_file(Path(path)), path)
