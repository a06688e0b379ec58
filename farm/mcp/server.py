"""The MCP server: it offers the tools and resources under their names, over any transport."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import ValidationError

from farm.errors import InvalidRequest
from farm.mcp.calls import Connect, in_words
from farm.mcp.resources import Resources
from farm.mcp.tools import ReadFile, Tools

_INSTRUCTIONS = """\
A farm that checks Lean 4 proofs. To prove something: `verify` the text and read the errors and their goals;
`retrieve_premises` for a goal; `try_tactics` on a `sorry`; `goal_at` for what a tactic changed; `commands` to look
things up. A proof is done when `verify` with `level` `checked` and the statement says `accepted`. There may be several
Lean versions and projects: the resource farm://environments names them. Answers are JSON of at most 16 000 characters;
where something was left out, a mark `[cut: …]` says so."""
_JSON = "application/json"
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)


class _Server(MCPServer):
    """An MCP server whose tool errors are the farm's own: a code and one sentence."""

    async def call_tool(self, *args: Any, **kwargs: Any) -> Any:
        """Call a tool. An error's text begins with its code, not with the SDK's `Error executing tool …`.

        Raises:
            ToolError: the arguments are invalid, or the farm refused or failed.
        """
        try:
            return await super().call_tool(*args, **kwargs)
        except ToolError as error:
            match error.__cause__:
                case ToolError() as cause:
                    raise cause from None
                # If a tool itself fails in this way, the SDK leaves out the text: the arguments are not at fault.
                case ValidationError() as cause if str(cause) in str(error):
                    raise ToolError(in_words(_invalid(cause))) from None
            raise


def _invalid(error: ValidationError) -> InvalidRequest:
    """Return the first fault of a call's arguments as an error that names the argument."""
    first, *_ = error.errors(include_url=False, include_context=False, include_input=False)
    return InvalidRequest(f"{'.'.join(map(str, first['loc']))}: {first['msg']}")


def create_server(connect: Connect, read_file: ReadFile | None = None) -> MCPServer:
    """Return an MCP server with the farm's tools and resources.

    Args:
        connect: returns a context with the farm's client for one call.
        read_file: reads a file that the caller names; None if this server does not run on the caller's machine.
    """
    server = _Server(
        "leanfarm", instructions=_INSTRUCTIONS, version=version("leanfarm"), log_level="WARNING", subscriptions=False
    )
    tools, resources = Tools(connect, read_file), Resources(connect)
    for tool in (
        tools.verify,
        tools.try_tactics,
        tools.goal_at,
        tools.retrieve_premises,
        tools.commands,
        tools.batch_status,
    ):
        # The answers are only text. If they were structured content too, a model would read and pay for them twice.
        server.add_tool(tool, annotations=_READS, structured_output=False)
    server.resource("farm://environments", mime_type=_JSON)(resources.environments)
    server.resource("farm://verdicts", mime_type=_JSON)(resources.latest)
    server.resource("farm://batches/{batch_id}", mime_type=_JSON)(resources.batch)
    return server
