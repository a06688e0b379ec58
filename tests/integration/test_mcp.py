"""Agents on a farm with keys: the official MCP client over stdio and HTTP, what it can ask, and what can go wrong.

A scripted REPL answers as Lean.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from mcp import Client, MCPError

from farm import AsyncFarm
from farm.keys import Scope, create_key
from farm.mcp.bounded_output import MOST_CHARS
from tests.conftest import lean_settings
from tests.security.service.conftest import api_process
from tests.support.agents import ask, http_agent, refusal, stdio_agent, text_of
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm

TRUE = "theorem t : 1 + 1 = 2 := by decide"
FALSE = "theorem f : 1 + 1 = 3 := by\n  decide"
TRANSPORTS = ["stdio", "http", "http-legacy"]
Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def key(keys_file: Path) -> str:
    return create_key(keys_file, "agent")


@pytest.fixture(scope="module")
def farm(
    tmp_path_factory: pytest.TempPathFactory, scripted: Install, keys_file: Path, key: str
) -> Iterator[RunningFarm]:
    settings = {**lean_settings(scripted), "API_KEYS_FILE": str(keys_file)}
    with running_farm(tmp_path_factory.mktemp("mcp"), **settings) as running:
        yield running


def connected(farm: RunningFarm, transport: str, key: str) -> AbstractAsyncContextManager[Client]:
    if transport == "stdio":
        return stdio_agent(farm, key)
    return http_agent(farm, key, "legacy" if transport == "http-legacy" else "auto")


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest, farm: RunningFarm, key: str) -> Connect:
    """Gives an agent over each transport; the test opens it, as its tasks have to end where they began."""
    return lambda: connected(farm, request.param, key)


@pytest.fixture
async def user(farm: RunningFarm, key: str) -> AsyncIterator[AsyncFarm]:
    """The same key, as its owner uses it."""
    async with AsyncFarm(farm.url, api_key=key) as client:
        yield client


async def test_an_agent_finds_its_way_from_an_error_to_a_verdict(connect: Connect) -> None:
    async with connect() as agent:
        wrong = await ask(agent, "verify", code=FALSE)
        assert (wrong["outcome"], wrong["reason"]) == ("rejected", "error")
        assert (wrong["errors"][0]["line"], wrong["errors"][0]["column"]) == (2, 2)
        assert "1 + 1 = 3" in wrong["errors"][0]["message"]

        right = await ask(agent, "verify", code=TRUE, statement="theorem t : 1 + 1 = 2", level="checked")
        assert (right["outcome"], right["level"]) == ("accepted", "checked")
        assert right["lean"] == "v4.0.0-scripted"

        tried = await ask(
            agent, "try_tactics", statement="theorem t : 1 = 1 ∧ 2 = 2", tactics=["constructor", "decide"]
        )
        assert tried["goal"] == "⊢ 1 = 1 ∧ 2 = 2"
        assert tried["tried"][0] == {
            "tactic": "constructor",
            "status": "open",
            "goals": ["case left\n⊢ 1 = 1", "case right\n⊢ 2 = 2"],
        }
        assert tried["tried"][1]["status"] == "proved"

        near = await ask(agent, "retrieve_premises", goal="a b : Nat\n⊢ a + b = b + a", k=2)
        assert near["premises"][0]["name"] == "Nat.add_comm"
        assert len(near["premises"]) == 2

        seen = await ask(agent, "commands", commands=["#check t", "#eval 6 * 7"], imports=TRUE)
        assert [each["messages"][0]["message"] for each in seen["commands"]] == ["t : 1 + 1 = 2", "42"]


async def test_goals_before_and_after_a_place(farm: RunningFarm, key: str) -> None:
    async with http_agent(farm, key) as agent:
        inside = await ask(agent, "goal_at", code=FALSE, line=2, column=4)
        assert (inside["tactic"], inside["line"], inside["column"]) == ("decide", 2, 2)
        assert (inside["goals_before"], inside["goals_after"]) == (["⊢ 1 + 1 = 3"], ["⊢ 1 + 1 = 3"])
        assert "1 + 1 = 3" in inside["errors"][0]["message"]

        outside = await ask(agent, "goal_at", code=FALSE, line=1, column=0)
        assert outside["tactic"] is None


async def test_what_ran_can_be_read_again(farm: RunningFarm, key: str, user: AsyncFarm) -> None:
    async with http_agent(farm, key) as agent:
        await ask(agent, "verify", code=TRUE)
        [latest, *_] = (await ask(agent, "batch_status"))["batches"]
        assert latest["counts"] == {"accepted": 1, "rejected": 0, "undecided": 0}
        assert latest["batch_id"] == (await user.batches(limit=1))[0].batch_id
        assert (await ask(agent, "batch_status", batch_id=latest["batch_id"]))["batches"] == [latest]

        async def read(uri: str) -> Any:
            [content] = (await agent.read_resource(uri)).contents
            return json.loads(content.text)  # type: ignore[union-attr]  # all are text

        [environment] = await read("farm://environments")
        assert (environment["name"], environment["lean_version"]) == ("default", "v4.0.0-scripted")
        verdicts = await read("farm://verdicts")
        assert verdicts[0]["verdicts"][0]["outcome"] == "accepted"
        assert await read(f"farm://batches/{latest['batch_id']}") == verdicts[0]
        with pytest.raises(MCPError, match="not_found: There is no batch 'nope'"):
            await agent.read_resource("farm://batches/nope")


async def test_a_file_is_read_where_the_agent_runs_and_nowhere_else(
    farm: RunningFarm, key: str, tmp_path: Path
) -> None:
    (tmp_path / "proof.lean").write_text(TRUE)
    (tmp_path / "secret.txt").write_text("secret")
    async with stdio_agent(farm, key) as agent:
        assert (await ask(agent, "verify", path=str(tmp_path / "proof.lean")))["outcome"] == "accepted"
        assert "only files whose name ends in .lean" in await refusal(
            agent, "verify", path=str(tmp_path / "secret.txt")
        )
        assert "cannot be read" in await refusal(agent, "verify", path=str(tmp_path / "none.lean"))
    async with http_agent(farm, key) as agent:
        assert "send the text as `code`" in await refusal(agent, "verify", path=str(tmp_path / "proof.lean"))


MISUSES: list[tuple[str, dict[str, Any], str]] = [
    ("verify", {}, "invalid: Give either `code` or `path`"),
    ("verify", {"code": TRUE, "statement": "no statement"}, "invalid: Proof 0: statement"),
    ("verify", {"code": TRUE, "environment": "elsewhere"}, "invalid: environment: 'elsewhere' is unknown"),
    ("verify", {"code": TRUE, "level": "sure"}, "invalid: level: Input should be 'compiled', 'checked' or 'attested'"),
    ("verify", {"code": TRUE, "timeout_s": 1e9}, "invalid: "),
    ("try_tactics", {"tactics": ["rfl"]}, "invalid: The goal: a goal is given"),
    ("commands", {"commands": ["theorem x : 1 = 1 := rfl"]}, "invalid: `commands` runs #check,"),
    ("commands", {"commands": [" "]}, "invalid: `commands` runs #check,"),
    ("retrieve_premises", {"goal": "⊢ True", "k": 1000}, "invalid: k: Input should be less than or equal to 50"),
    ("retrieve_premises", {"goal": "⊢ True", "modules": [0] * 100_000}, "invalid: modules.0: Input should be a valid"),
    ("batch_status", {"batch_id": "nope"}, "not_found: There is no batch 'nope'"),
]


async def test_each_misuse_is_an_error_that_says_what_to_do(farm: RunningFarm, key: str) -> None:
    async with http_agent(farm, key) as agent:
        for tool, arguments, text in MISUSES:
            said = await refusal(agent, tool, **arguments)
            assert said.startswith(text)
            assert "\n" not in said


async def test_what_lean_does_wrong_is_undecided_and_never_a_rejection(farm: RunningFarm, key: str) -> None:
    async with http_agent(farm, key) as agent:
        hanging = await ask(agent, "verify", code=f"-- hang!\n{TRUE}", timeout_s=0.3)
        assert (hanging["outcome"], hanging["reason"]) == ("undecided", "timeout")
        assert "says nothing about the proof" in hanging["note"]
        crashed = await ask(agent, "verify", code=f"-- crash!\n{TRUE}")
        assert (crashed["outcome"], crashed["reason"]) == ("undecided", "crashed")

        assert "timeout: " in await refusal(agent, "commands", commands=["#eval 1 -- hang!"], timeout_s=0.3)
        assert "crashed: " in await refusal(agent, "goal_at", code=f"-- crash!\n{TRUE}", line=1, column=0)
        tried = await ask(agent, "try_tactics", statement="theorem t : 1 = 1", tactics=["rfl -- crash!"])
        assert tried["tried"][0]["status"] == "crashed"


async def test_an_answer_is_cut_where_it_is_too_long_and_says_so(farm: RunningFarm, key: str) -> None:
    async with http_agent(farm, key) as agent:
        lines = [f"example : {number} = 0 := by decide" for number in range(1, 200)]
        long = "1 + " * 20_000 + "1"
        answer = await agent.call_tool("verify", {"code": "\n".join([*lines, f"example : {long} = 0 := by decide"])})
        assert len(text_of(answer)) <= MOST_CHARS
        assert json.loads(text_of(answer))["errors"][-1] == "[cut: 195 more]"

        seen = await agent.call_tool("commands", {"commands": ["#eval 1 -- big:100000"]})
        assert len(text_of(seen)) <= MOST_CHARS
        [found] = json.loads(text_of(seen))["commands"]
        assert "more characters]" in "".join(each["message"] for each in found["messages"])


async def fresh_batch(user: AsyncFarm, known: set[str]) -> str:
    """Return the batch that a call has made; the farm tells nobody when it does."""
    async with asyncio.timeout(20):
        while True:
            for batch in await user.batches():
                if batch.batch_id not in known:
                    return batch.batch_id
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_a_cancelled_call_cancels_its_batch(farm: RunningFarm, key: str, user: AsyncFarm, transport: str) -> None:
    told = asyncio.Event()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        assert message == f"Waiting for the farm, {progress:g} s so far"
        told.set()

    known = {batch.batch_id for batch in await user.batches()}
    async with connected(farm, transport, key) as agent:
        arguments = {"code": f"-- hang!\n{TRUE}", "timeout_s": 60}
        call = asyncio.create_task(agent.call_tool("verify", arguments, progress_callback=hear))
        await asyncio.wait_for(told.wait(), 20)
        batch_id = await fresh_batch(user, known)
        call.cancel()
        verdicts = await asyncio.wait_for(user.batch(batch_id).wait(), 20)
        with pytest.raises(asyncio.CancelledError):
            await call
        # The connection is as good as before.
        assert (await ask(agent, "verify", code=TRUE))["outcome"] == "accepted"

    assert [verdict.reason for verdict in verdicts] == ["cancelled"]


async def test_a_key_is_good_for_what_it_may_do_and_no_key_for_nothing(
    farm: RunningFarm, keys_file: Path, user: AsyncFarm
) -> None:
    narrow = create_key(keys_file, "narrow", frozenset({Scope.RETRIEVE}))
    async with http_agent(farm, narrow) as agent:
        assert "forbidden: The key 'narrow' has no scope `verify`" in await refusal(agent, "verify", code=TRUE)
        assert (await ask(agent, "retrieve_premises", goal="⊢ 1 = 1", k=1))["premises"]
    async with http_agent(farm, narrow, "legacy") as agent:
        assert "forbidden: The key 'narrow' has no scope `verify`" in await refusal(agent, "verify", code=TRUE)
    other = create_key(keys_file, "other")
    async with http_agent(farm, other) as agent:
        assert (await ask(agent, "batch_status"))["batches"] == []
        [theirs] = await user.batches(limit=1)
        assert "not_found" in await refusal(agent, "batch_status", batch_id=theirs.batch_id)

    async with stdio_agent(farm, "lf_wrong") as agent:
        assert "unauthorized: This API key is unknown or was revoked" in await refusal(agent, "verify", code=TRUE)
    async with httpx.AsyncClient(base_url=farm.url) as stranger:
        for headers in ({}, {"Authorization": "Bearer lf_wrong"}):
            refused = await stranger.post("/mcp", json={}, headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")


def test_a_body_that_is_too_long_is_refused_before_it_has_come(farm: RunningFarm, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    for content in (b" " * (5 << 20), iter([b" " * (1 << 20)] * 5)):
        refused = httpx.post(f"{farm.url}/mcp", content=content, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")


async def test_a_farm_that_is_away_is_a_sentence(farm: RunningFarm) -> None:
    async with stdio_agent(farm, url="http://127.0.0.1:9") as agent:
        assert "connection_failed: No farm answers at http://127.0.0.1:9" in await refusal(agent, "verify", code=TRUE)


async def test_fifty_agents_at_once_on_two_processes(farm: RunningFarm, key: str) -> None:
    async def work(number: int) -> tuple[str, str]:
        async with http_agent(farm, key) as agent:
            wrong, tried = await asyncio.gather(
                ask(agent, "verify", code=f"theorem t{number} : {number} + 1 = {number} := by decide"),
                ask(agent, "try_tactics", statement=f"theorem t : {number} = {number}", tactics=["rfl"]),
            )
            assert f"{number} + 1 = {number}" in wrong["errors"][0]["message"]
            assert tried["goal"] == f"⊢ {number} = {number}"
            return wrong["outcome"], tried["tried"][0]["status"]

    async with AsyncFarm(farm.url, api_key=key) as user:
        assert [each.workers for each in await user.environments()] == [2]
    found = await asyncio.gather(*(work(number) for number in range(50)))
    assert set(found) == {("rejected", "proved")}


WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp":
            raise ModuleNotFoundError("No module named 'mcp'", name="mcp")
sys.meta_path.insert(0, Absent())
"""


def test_without_its_library_each_way_in_says_what_brings_it(farm: RunningFarm) -> None:
    with api_process(farm.redis_url, WITHOUT) as url:
        answer = httpx.post(f"{url}/mcp", json={})
        assert answer.status_code == 404
        assert "pip install 'leanfarm[mcp]'" in answer.json()["error"]["message"]
        assert httpx.get(f"{url}/mcp").status_code == 405

    program = f"{WITHOUT}\nsys.argv = ['farm', 'mcp']\nfrom farm.cli import main\nmain()"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "`farm mcp` needs the library mcp: `pip install 'leanfarm[mcp]'`" in run.stderr
    assert "Traceback" not in run.stderr
