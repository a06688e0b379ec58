"""The tools for agents, built on the SDK; `server.py` offers them to a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from farm.client import AsyncFarm
from farm.client.submission import OptionFields, check_goal, check_proofs
from farm.errors import InvalidRequest
from farm.mcp import answers
from farm.mcp.bounded_output import bounded_json
from farm.mcp.calls import Connect, McpContext, call_tool
from farm.mcp.goal_places import goals_at
from farm.models import CommandsAnswer
from farm.models.limits import MAX_MODULES

ReadFile: TypeAlias = Callable[[str], str]
Code = Annotated[str | None, Field(description="Lean source text, with its imports.")]
File = Annotated[str | None, Field(description="Instead of `code`: a .lean file on the machine that runs `farm mcp`.")]
Statement = Annotated[str | None, Field(description="The theorem to prove, without its proof: `theorem NAME : TYPE`.")]
Environment = Annotated[str, Field(description="A Lean environment that the resource farm://environments lists.")]
Timeout = Annotated[float | None, Field(description="Seconds Lean may run; the farm's default when absent.", gt=0)]
Commands = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=20,
        fail_fast=True,
        description="Such as `#check Nat.add_comm` or `#print axioms foo`.",
    ),
]
Modules = Annotated[
    Annotated[list[str], Field(max_length=MAX_MODULES, fail_fast=True)] | None,
    Field(description="Only premises of these modules."),
]
LOOKS = ("#check", "#check_failure", "#print", "#reduce", "#eval", "#synth", "#where", "#help")
"""The commands that the `commands` tool runs."""
_MOST_PREMISES = 50


class Tools:
    """The farm as tools for an agent. Each tool answers with a JSON text of at most `MOST_CHARS` characters.

    Args:
        connect: returns a context with the farm's client for one call.
        read_file: reads a file that the caller names; None if this server does not run on the caller's machine.
    """

    def __init__(self, connect: Connect, read_file: ReadFile | None) -> None:
        self._connect = connect
        self._read_file = read_file

    async def verify(
        self,
        context: McpContext,
        code: Code = None,
        path: File = None,
        statement: Statement = None,
        level: Literal["compiled", "checked", "attested"] = "compiled",
        environment: Environment = "default",
        timeout_s: Timeout = None,
    ) -> str:
        """Verify a Lean proof; see its outcome and first errors, with line (from 1), column (from 0), tactic and goals.

        `compiled` means that the text elaborated. Ask for `checked`, with the statement, before you call a proof done.
        An `undecided` outcome says something about the farm and nothing about the proof.
        """

        async def ask(farm: AsyncFarm) -> str:
            proof: dict[str, Any] = {"code": self._text(code, path), "statement": statement}
            options: OptionFields = {
                "level": level,
                "environment": environment,
                "timeout_s": timeout_s,
                "feedback": True,
            }
            # Reading a long statement takes seconds, and the process that runs this event loop serves others too.
            checked = await asyncio.to_thread(list, check_proofs([proof]))
            [verdict] = await farm.verify(checked, **options)
            return bounded_json(answers.of_verdict(verdict))

        return await call_tool(context, self._connect, ask)

    async def try_tactics(
        self,
        context: McpContext,
        tactics: Annotated[list[str], Field(min_length=1, max_length=100, description="Each is tried on its own.")],
        code: Annotated[str | None, Field(description="Lean source text; its first `sorry` is the goal.")] = None,
        statement: Statement = None,
        environment: Environment = "default",
        timeout_s: Timeout = None,
    ) -> str:
        """Try tactics, each on its own, on the first `sorry` of a text or on a statement; see which goals each leaves.

        `proved` is not a verdict: put the tactic into the text and verify it.
        """

        async def ask(farm: AsyncFarm) -> str:
            goal = await asyncio.to_thread(check_goal, {"code": code, "statement": statement, "candidates": tactics})
            found = await farm.tactics([goal], environment=environment, timeout_s=timeout_s)
            return bounded_json(answers.of_goal(found.results[0], tactics))

        return await call_tool(context, self._connect, ask)

    async def goal_at(
        self,
        context: McpContext,
        line: Annotated[int, Field(ge=1, description="From 1.")],
        column: Annotated[int, Field(ge=0, description="From 0, in characters.")],
        code: Code = None,
        path: File = None,
        environment: Environment = "default",
        timeout_s: Timeout = None,
    ) -> str:
        """See the tactic at a line and column of a text, with the goals before and after it.

        The text runs in a fresh Lean process, so imports are loaded again each time.
        """

        async def ask(farm: AsyncFarm) -> str:
            # The place is in the text, so "original" asks for info trees without the syntax that macros have made.
            request = {"cmd": self._text(code, path), "infotree": "original"}
            found = _answered(await farm.commands([request], environment=environment, timeout_s=timeout_s))
            errors = [each for each in answers.of_reply(found.responses[0]) if each["severity"] == "error"]
            trees = answers.as_fields(found.responses[0]).get("infotree") or []
            return bounded_json({**goals_at(trees, (line, column)), "errors": errors})

        return await call_tool(context, self._connect, ask)

    async def retrieve_premises(
        self,
        context: McpContext,
        goal: Annotated[str, Field(min_length=1, description="The goal as Lean prints it, hypotheses and `⊢`.")],
        k: Annotated[int, Field(ge=1, le=_MOST_PREMISES)] = 10,
        modules: Modules = None,
    ) -> str:
        """Find the premises (theorems, definitions) nearest to a goal, with their statements, the best first."""

        async def ask(farm: AsyncFarm) -> str:
            [premises] = await farm.retrieve_many([goal], k=k, imported_modules=modules)
            return bounded_json({"premises": [answers.of_premise(each) for each in premises]})

        return await call_tool(context, self._connect, ask)

    async def commands(
        self,
        context: McpContext,
        commands: Commands,
        imports: Annotated[str, Field(description="Text to run before each: imports, `open`, definitions.")] = "",
        environment: Environment = "default",
        timeout_s: Timeout = None,
    ) -> str:
        """Look things up in Lean: `#check`, `#print`, `#reduce`, `#eval`, `#synth`, `#where`, `#help`.

        The commands run in order in one fresh Lean process, and change nothing.
        """

        async def ask(farm: AsyncFarm) -> str:
            before = [{"cmd": imports}] if imports.strip() else []
            after = [{"cmd": _look(each), **({"env": 0} if before else {})} for each in commands]
            found = _answered(await farm.commands([*before, *after], environment=environment, timeout_s=timeout_s))
            said = [answers.of_reply(each) for each in found.responses]
            pairs = zip(commands, said[len(before) :], strict=True)
            answer: dict[str, Any] = {"commands": [{"command": each, "messages": found} for each, found in pairs]}
            if before and said[0]:
                answer["imports"] = said[0]
            return bounded_json(answer)

        return await call_tool(context, self._connect, ask)

    async def batch_status(
        self,
        context: McpContext,
        batch_id: Annotated[str | None, Field(description="If absent, the key's latest five batches.")] = None,
    ) -> str:
        """See the progress of a batch: how many proofs have their verdict, and what the verdicts are."""

        async def ask(farm: AsyncFarm) -> str:
            found = [await farm.batch(batch_id).status()] if batch_id else await farm.batches(limit=5)
            return bounded_json({"batches": [answers.of_status(each) for each in found]})

        return await call_tool(context, self._connect, ask)

    def _text(self, code: str | None, path: str | None) -> str:
        """Return the Lean text of a call: `code`, or the content of the file at `path`.

        Raises:
            InvalidRequest: both or neither are given, or the file cannot be read by this server.
        """
        if (code is None) == (path is None):
            raise InvalidRequest("Give either `code` or `path`")
        if code is not None:
            return code
        if self._read_file is None:
            raise InvalidRequest("`path` is for `farm mcp` on your own machine: send the text as `code`")
        return self._read_file(str(path))


def _look(command: str) -> str:
    """Check that a command only looks something up, and return it unchanged.

    Raises:
        InvalidRequest: the command is none of `LOOKS`.
    """
    if command.split()[:1] and command.split()[0] in LOOKS:
        return command
    raise InvalidRequest(f"`commands` runs {', '.join(LOOKS)}; definitions go into `imports`")


def _answered(found: CommandsAnswer) -> CommandsAnswer:
    """Check that an answer has all its responses, and return it unchanged.

    Raises:
        ToolError: Lean did not finish all the requests.
    """
    if found.reason:
        raise ToolError(f"{found.reason}: {found.message}")
    return found
