"""Hosts that join a farm: two data folders and two addresses of this host stand for two hosts."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from farm import Farm
from farm.keys import ALL_SCOPES, Scope, create_key
from farm.local.ports import free_port
from farm.processes import own_module
from tests.security.service.conftest import api_process
from tests.support.bundles import bundle_command
from tests.support.repl.install import Install
from tests.support.running import (
    RunningFarm,
    await_true,
    end_everything,
    processes_of,
    running_farm,
    scripted_settings,
    start_farm,
    started_settings,
    stop,
)

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
OTHER_ADDRESS = "127.0.0.2"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return keys: of a user, of a host that joins, and the path of their file."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    user = create_key(path, "user", ALL_SCOPES)
    host = create_key(path, "host", frozenset({Scope.JOIN, Scope.OPERATE}))
    return {"user": user, "host": host, "path": str(path)}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install, keys: dict[str, str]) -> Iterator[RunningFarm]:
    """Yield a farm that others may join, with one Lean process of its own."""
    settings = {"API_KEYS_FILE": keys["path"], "JOIN_ADDRESS": OTHER_ADDRESS, "LEAN_WORKERS": "1"}
    with running_farm(tmp_path_factory.mktemp("head"), **scripted_settings(scripted), **settings) as running:
        yield running


@pytest.fixture
def client(farm: RunningFarm, keys: dict[str, str]) -> Iterator[Farm]:
    with Farm(farm.url, api_key=keys["user"]) as client:
        yield client


@contextmanager
def joined(
    farm: RunningFarm, folder: Path, scripted: Install, key: str, *more: str, **settings: str
) -> Iterator[subprocess.Popen[str]]:
    """Run `farm join` in a folder."""
    environment = started_settings(folder, **{**scripted_settings(scripted), **settings}, FARM_API_KEY=key)
    folder.mkdir(exist_ok=True)
    command = own_module("farm", "join", farm.url, *more)
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            end_everything(folder)


def lean_pids(client: Farm) -> set[int]:
    return {each.pid for each in client.workers().workers if each.kind == "lean" and each.state in ("idle", "busy")}


@pytest.fixture
def own(client: Farm) -> set[int]:
    """The farm's own process, once it is the only one: those of a host that was killed are shown for a while."""
    return await_true(lambda: pids if len(pids := lean_pids(client)) == 1 else None, "only the farm's own", 60)  # type: ignore[no-any-return]


def test_a_host_joins_works_and_leaves_in_the_middle(
    farm: RunningFarm, client: Farm, own: set[int], keys: dict[str, str], scripted: Install, tmp_path: Path
) -> None:
    with joined(farm, tmp_path / "host", scripted, keys["host"]) as process:
        await_true(lambda: len(lean_pids(client)) == 3, "two more processes", 60)
        batch = client.submit([f"{TRUE} -- sleep:100 {i}" for i in range(120)], timeout_s=60, cache=False)
        await_true(lambda: batch.status().done > 30, "the middle of the batch")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        verdicts = batch.wait()

    assert Counter((each.outcome.value, each.attempts) for each in verdicts) == {("accepted", 1): 120}
    await_true(lambda: lean_pids(client) == own, "only the farm's own", 60)


@pytest.mark.usefixtures("own")
def test_a_host_that_is_killed_loses_no_proof(
    farm: RunningFarm, client: Farm, keys: dict[str, str], scripted: Install, tmp_path: Path
) -> None:
    with joined(farm, tmp_path / "host", scripted, keys["host"]) as process:
        await_true(lambda: len(lean_pids(client)) == 3, "two more processes", 60)
        batch = client.submit([f"{TRUE} -- sleep:100 {i}" for i in range(60)], timeout_s=60, cache=False)
        await_true(lambda: batch.status().done > 10, "the middle of the batch")
        process.kill()
        await_true(lambda: not list(processes_of(tmp_path / "host")), "nothing of it is left", 5)
        verdicts = batch.wait()

    assert Counter(each.outcome.value for each in verdicts) == {"accepted": 60}


def test_a_host_joins_with_lean_from_a_bundle(
    farm: RunningFarm, client: Farm, own: set[int], keys: dict[str, str], scripted: Install, tmp_path: Path
) -> None:
    assert bundle_command(tmp_path, scripted, "made").returncode == 0
    none = {"LAKE_PATH": "/nowhere/lake", "LEAN_REPL_DIR": "/nowhere"}
    more = ("--bundle", str(tmp_path / "made"))
    with joined(farm, tmp_path / "host", scripted, keys["host"], *more, **none):
        await_true(lambda: len(lean_pids(client)) == 3, "two more processes", 60)
        lakes = {each.serves.repl for each in client.workers().workers if each.pid not in own and each.serves}

    assert str(tmp_path / "made" / "repl") in lakes


def test_a_dry_run_says_what_would_run_and_no_password(
    farm: RunningFarm, keys: dict[str, str], scripted: Install, tmp_path: Path
) -> None:
    with joined(farm, tmp_path / "host", scripted, keys["host"], "--dry-run", "--json") as process:
        out, _ = process.communicate(timeout=60)

    plan = json.loads(out)
    assert plan["store"] == OTHER_ADDRESS
    assert plan["environments"] == {"default": {"LEAN_WORKERS": "2"}}
    assert plan["settings"]["LEAN_MAX_DEATHS"] == "3"
    secret = farm.redis_url.partition(":")[2].partition("@")[0].rpartition(":")[2]
    assert secret not in out


def test_only_a_key_for_it_gets_the_password(farm: RunningFarm, keys: dict[str, str]) -> None:
    asked = {name: httpx.get(f"{farm.url}/v1/join", headers={"Authorization": f"Bearer {keys[name]}"}) for name in keys}

    assert asked["user"].status_code == 403
    assert "scope `join`" in asked["user"].json()["error"]["message"]
    assert asked["path"].status_code == 401
    assert httpx.get(f"{farm.url}/v1/join").status_code == 401
    assert asked["host"].status_code == 200
    assert asked["host"].headers["Cache-Control"] == "no-store"


def test_a_farm_without_keys_gives_the_password_to_nobody(farm: RunningFarm) -> None:
    with api_process(farm.redis_url, JOIN_ADDRESS=OTHER_ADDRESS) as url:
        answer = httpx.get(f"{url}/v1/join")

    assert answer.status_code == 409
    assert "API_KEYS_FILE" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("key", "wrong", "told"),
    [
        ("", {}, "API key is needed"),
        ("path", {}, "unknown or was revoked"),
        ("user", {}, "scope `join`"),
        ("host", {"LAKE_PATH": "/nowhere/lake"}, "Lean was not found"),
        ("host", {"LEAN_REPL_DIR": "/nowhere"}, "LEAN_REPL_DIR has no built REPL"),
        ("host", {"DATA_DIR": "/proc/farm"}, "DATA_DIR"),
    ],
)
def test_why_a_host_does_not_join_is_told_in_one_line(
    farm: RunningFarm,
    client: Farm,
    own: set[int],
    keys: dict[str, str],
    scripted: Install,
    tmp_path: Path,
    key: str,
    wrong: dict[str, str],
    told: str,
) -> None:
    with joined(farm, tmp_path / "host", scripted, keys.get(key, ""), **wrong) as process:
        out, said = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert said.count("\n") == 1
    assert told in said
    assert lean_pids(client) == own


def test_a_farm_that_starts_anew_gets_its_hosts_back(keys: dict[str, str], scripted: Install, tmp_path: Path) -> None:
    settings = {
        **scripted_settings(scripted),
        "API_KEYS_FILE": keys["path"],
        "JOIN_ADDRESS": OTHER_ADDRESS,
        "LEAN_WORKERS": "1",
        "PORT": str(free_port()),
    }
    farm = start_farm(tmp_path / "head", **settings)
    try:
        with joined(farm, tmp_path / "host", scripted, keys["host"]), Farm(farm.url, api_key=keys["user"]) as client:
            await_true(lambda: len(lean_pids(client)) == 3, "the host has joined", 60)
            stop(farm.up)
            farm = start_farm(tmp_path / "head", **settings)

            await_true(lambda: len(lean_pids(client)) == 3, "the host has joined again", 60)
            verdicts = client.verify([f"{TRUE} -- sleep:100 {i}" for i in range(40)])
    finally:
        stop(farm.up)
        end_everything(tmp_path / "head")

    assert {each.outcome.value for each in verdicts} == {"accepted"}
