"""A scripted agent that works through docs/examples with the farm's MCP tools, and prints what it did.

`.venv/bin/python -m tests.support.agent_at_work` works on the farm that FARM_URL and FARM_API_KEY name. It stands in
for a model: it reads an error and its goal, asks for premises, tries tactics, and verifies at `checked`. A test
compares what it prints with docs/guides/agents.md.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from farm.client.endpoint import FarmEndpoint
from tests.support.agents import ask

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
TACTICS = ["rfl", "decide", "simp"]
TIMEOUT_S = 3.0
_HEADER = "import Init\n\n"
_THEOREM = re.compile(r"^theorem .*?(?= :=)", re.MULTILINE)
_ASIDE = re.compile(r"^(?:#eval|--) [^\n]*\n", re.MULTILINE)


async def work(client: Client) -> None:
    """Bring every example to a verdict at `checked`."""
    for path in sorted(EXAMPLES.glob("*.lean")):
        print(f"{path.name}")
        await _solve(client, path.read_text())


async def _solve(client: Client, text: str) -> None:
    found = await ask(client, "verify", code=text, timeout_s=TIMEOUT_S)
    _say("verify", f"{found['outcome']} {found.get('reason', '')}", *_faults(found))
    statement = _HEADER + _THEOREM.findall(text)[0]
    if found["outcome"] == "accepted":
        await _check(client, text, statement)
    elif found["outcome"] == "undecided":
        # An `#eval` that never ends made Lean time out. It is not part of the theorem, so it is left out.
        await _check(client, _ASIDE.sub("", text), statement)
    elif found["reason"] == "sorry":
        await _fill(client, text, statement, found["holes"][0]["goal"])
    else:
        await _repair(client, statement)


async def _fill(client: Client, text: str, statement: str, goal: str) -> None:
    premises = (await ask(client, "retrieve_premises", goal=goal, k=3))["premises"]
    _say("retrieve_premises", ", ".join(each["name"] for each in premises))
    tactics = [*(f"exact {each['name']} _" for each in premises), *TACTICS]
    proved = await _try(client, tactics, code=text)
    await _check(client, text.replace("sorry", proved[0]), statement)


async def _repair(client: Client, statement: str) -> None:
    if proved := await _try(client, TACTICS, statement=statement):
        await _check(client, f"{statement} := by\n  {proved[0]}\n", statement)
    else:
        # No tactic proves it: perhaps it is false.
        opposite = statement.replace(" = ", " ≠ ")
        await _check(client, f"{opposite} := by\n  decide\n", opposite)


async def _try(client: Client, tactics: list[str], **where: str) -> list[str]:
    tried = (await ask(client, "try_tactics", tactics=tactics, **where))["tried"]
    _say("try_tactics", *(f"{each['tactic']}: {each['status']}" for each in tried))
    return [each["tactic"] for each in tried if each["status"] == "proved"]


async def _check(client: Client, text: str, statement: str) -> None:
    found = await ask(client, "verify", code=text, statement=statement, level="checked", timeout_s=TIMEOUT_S)
    _say(f"verify checked  {_THEOREM.findall(f'{statement} :=')[0]}", f"{found['outcome']} at {found['level']}")


def _faults(found: dict[str, Any]) -> list[str]:
    said = []
    for each in found.get("errors", []):
        place = f"{each['line']}:{each['column']} " if "line" in each else ""
        said += [place + each["message"], *each.get("goals", [])]
    return [*said, *(each["goal"] for each in found.get("holes", []))]


def _say(what: str, *found: str) -> None:
    print(f"  {what}")
    for each in found:
        for line in each.strip().splitlines():
            print(f"    {line.rstrip()}")


async def main() -> None:
    """Work on the farm that the environment names."""
    farm = FarmEndpoint.resolve(None, None)
    async with (
        httpx2.AsyncClient(headers=farm.headers, timeout=httpx2.Timeout(30, read=300)) as http,
        Client(streamable_http_client(f"{farm}/mcp", http_client=http)) as client,
    ):
        await work(client)


if __name__ == "__main__":
    asyncio.run(main())
