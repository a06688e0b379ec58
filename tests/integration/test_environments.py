"""Several Lean environments in one farm: each has its own workers, and no proof is answered by the wrong one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from farm import Farm, InvalidRequest, Outcome, Reason
from farm.models import EnvironmentStatus
from farm.processes import end_session
from tests.conftest import lean_settings
from tests.support.agents import ask, http_agent, refusal
from tests.support.open_store import open_store
from tests.support.repl.install import LEAN_VERSION, Install, install
from tests.support.running import RunningFarm, await_true, processes_of, running_farm, scripted_settings

ENVIRONMENTS = ("default", "special")
OTHER_VERSION = "v4.1.0-scripted"
TRUE = "theorem two : 1 + 1 = 2 := by rfl"
# `Special` is there in the second environment alone: in the default one everything after it is an error.
SPECIAL = f"import Special\n{TRUE}"


@pytest.fixture(scope="module")
def special(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Another scripted REPL: of another version, with a module that the first has not."""
    repl = install(tmp_path_factory.mktemp("special"), SCRIPTED_MODULES="Init,Special")
    (repl.repl_dir / "lean-toolchain").write_text(f"leanprover/lean4:{OTHER_VERSION}\n")
    return repl


def write_environment(folder: Path, name: str, **settings: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.env").write_text("".join(f'{key}="{value}"\n' for key, value in settings.items()))


@contextmanager
def two_environments(folder: Path, scripted: Install, special: Install) -> Iterator[RunningFarm]:
    """A farm with `default` and `special`, one process each, both with their header loaded and their cache on."""
    own = {**scripted_settings(special), "LEAN_WORKERS": "1", "WARM_HEADERS": "import Special"}
    write_environment(folder.with_name("environments"), "special", **own)
    settings = {
        **lean_settings(scripted),
        **{"VERDICT_CACHE_MB": "64", "LEAN_WORKERS": "1", "WARM_HEADERS": "import Init"},
        "ENVIRONMENTS_DIR": str(folder.with_name("environments")),
    }
    with running_farm(folder, **settings) as running, running.client() as client:
        await_true(lambda: "login" in (folder / "up.log").read_text(), "the addresses of the farm")
        assert served(client) >= {"default", "special"}, "`farm up` says that it is ready when all that it started is"
        yield running


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, scripted: Install, special: Install) -> Iterator[RunningFarm]:
    with two_environments(tmp_path_factory.mktemp("pair") / "own", scripted, special) as running:
        yield running


@pytest.fixture
def client(pair: RunningFarm) -> Iterator[Farm]:
    with pair.client() as client:
        yield client


@contextmanager
def lean_workers(running: RunningFarm, environment: str, repl: Install) -> Iterator[subprocess.Popen[bytes]]:
    """Start Lean workers as another host would: told by their environment alone which farm and what they serve."""
    settings = {"REDIS_URL": running.redis_url, "BROKER_URL": "", "ENVIRONMENTS_DIR": "", "WARM_HEADERS": ""}
    told = {**running.environment, **settings, **scripted_settings(repl), "LEAN_ENVIRONMENT": environment}
    with (running.folder / f"{environment}.log").open("ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "workers.lean"],
            env=told, cwd=running.folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield worker
    finally:
        worker.terminate()
        worker.wait(30)
        end_session(worker.pid)


def found(client: Farm, name: str) -> EnvironmentStatus | None:
    return next((each for each in client.environments() if each.name == name), None)


def served(client: Farm) -> set[str]:
    return {each.name for each in client.environments() if each.workers}


def test_proofs_go_where_they_were_sent_and_verdicts_say_which(client: Farm) -> None:
    for environment, version in (("default", LEAN_VERSION), ("special", OTHER_VERSION)):
        verdicts = client.submit([f"{TRUE} -- {i}" for i in range(20)], environment=environment, cache=False).wait()
        assert {verdict.environment.lean_version for verdict in verdicts} == {version}
        assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}

    assert client.verify(SPECIAL, environment="special")[0].outcome is Outcome.ACCEPTED
    assert client.verify(SPECIAL)[0].reason is Reason.ERROR, "who says nothing is served by the default one"


def test_one_environment_never_answers_from_the_cache_of_the_other(client: Farm) -> None:
    text = "import Special\ntheorem kept : 2 + 2 = 4 := by rfl"
    answers = [client.verify(text, environment=name)[0] for name in ("special", "default", "special", "default")]

    assert [answer.cached for answer in answers] == [False, False, True, True]
    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED, Outcome.REJECTED] * 2
    assert [answer.environment.lean_version for answer in answers] == [OTHER_VERSION, LEAN_VERSION] * 2


def test_commands_go_where_they_were_sent(client: Farm) -> None:
    for environment, severities in (("special", []), ("default", ["error"])):
        answer = httpx.post(
            f"{client.base_url}/v1/commands", json={"requests": [{"cmd": SPECIAL}], "environment": environment}
        ).json()
        assert [each["severity"] for each in answer["responses"][0].get("messages", [])] == severities


async def test_an_agent_chooses_its_environment(pair: RunningFarm) -> None:
    async with http_agent(pair) as agent:
        [content] = (await agent.read_resource("farm://environments")).contents
        names = {each["name"] for each in json.loads(content.text)}  # type: ignore[union-attr]  # all are text
        verdicts = [await ask(agent, "verify", code=SPECIAL, environment=name) for name in ENVIRONMENTS]
        looks = {"commands": ["#check Nat"], "imports": "import Special"}
        said = [(await ask(agent, "commands", **looks, environment=name))["commands"][0] for name in ENVIRONMENTS]
        unknown = await refusal(agent, "verify", code=TRUE, environment="elsewhere")

    assert names >= {*ENVIRONMENTS}
    assert [verdict["outcome"] for verdict in verdicts] == ["rejected", "accepted"]
    assert [each["messages"][0]["severity"] for each in said] == ["error", "info"]
    assert "special" in unknown


def test_the_command_line_says_where_and_resumes_nothing_of_another(pair: RunningFarm, tmp_path: Path) -> None:
    source, output = tmp_path / "a.lean", tmp_path / "out.jsonl"
    source.write_text(SPECIAL)
    arguments = ("verify", str(source), "--output", str(output))

    assert pair.command(*arguments).returncode == 1
    assert pair.command(*arguments, "--environment", "special").returncode == 0, (
        "the default one's verdict is not taken"
    )
    assert pair.command(*arguments, "--environment", "nowhere").returncode == 2


@pytest.mark.parametrize(
    ("path", "work"),
    [
        ("/v1/verify", {"proofs": [{"code": TRUE}]}),
        ("/v1/batches", {"proofs": [{"code": TRUE}]}),
        ("/v1/commands", {"requests": [{"cmd": TRUE}]}),
        ("/v1/tactics", {"goals": [{"statement": "theorem two : 1 + 1 = 2", "candidates": ["rfl"]}]}),
    ],
)
def test_an_unknown_environment_is_refused_by_naming_those_there_are(
    pair: RunningFarm, path: str, work: dict[str, Any]
) -> None:
    as_json = httpx.post(f"{pair.url}{path}", json={**work, "environment": "specials"})
    as_lines = httpx.post(
        f"{pair.url}/v1/batches?environment=specials",
        content='{"code":"x"}\n',
        headers={"Content-Type": "application/x-ndjson"},
    )

    for answer in (as_json, as_lines):
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error["message"].startswith("environment: 'specials' is unknown; there are 'default'")
        assert {"default", "special"} <= set(error["details"]["environments"])
        assert all(repr(name) in error["message"] for name in error["details"]["environments"])


def test_the_sdk_says_so_too(client: Farm) -> None:
    with pytest.raises(InvalidRequest, match=r"'nope' is unknown.*'special'"):
        client.verify(TRUE, environment="nope")


def test_environments_say_what_they_are(pair: RunningFarm, client: Farm, special: Install) -> None:
    default, other = client.environments()[0], found(client, "special")

    assert (default.name, default.lean_version, default.workers) == ("default", LEAN_VERSION, 1)
    assert other is not None
    assert (other.lean_version, other.workers) == (OTHER_VERSION, 1)
    assert (other.repl, other.project) == (str(special.repl_dir), None)
    assert other.seen_s is not None
    assert other.seen_s < 15
    serving = {worker["environment"]: worker["serves"]["lean_version"] for worker in pair.workers()}
    assert serving == {"default": LEAN_VERSION, "special": OTHER_VERSION}
    assert httpx.get(f"{pair.url}/v1/workers").json()["workers"][0]["kind"] == "embed"
    assert httpx.get(f"{pair.url}/v1/workers").json()["workers"][0]["serves"] is None


def test_every_page_of_the_operator_covers_all_environments(pair: RunningFarm, client: Farm) -> None:
    batch = client.submit([f"{TRUE} -- sleep:300 {i}" for i in range(6)], environment="special", cache=False)
    await_true(lambda: batch.status().state == "running", "the batch to run")

    queues = {each["environment"]: each for each in httpx.get(f"{pair.url}/v1/workers").json()["queues"]}
    figures = httpx.get(f"{pair.url}/metrics").text
    status = pair.command("status").stdout
    batch.wait()

    assert queues["default"] == {"environment": "default", "pending": 0, "leased": 0}
    assert queues["special"]["pending"] + queues["special"]["leased"] > 0
    for name in ("default", "special"):
        assert f'farm_environment_workers{{environment="{name}"}} 1.0' in figures
        assert f'farm_pending{{environment="{name}"}}' in figures
        assert f"{name}: " in status
    checks = client.ready()["checks"]
    assert set(checks) == {"redis", "lean", "lean.special", "embed", "premises"}
    assert OTHER_VERSION in checks["lean.special"]["engine"]
    doctor = pair.command("doctor", "--json").stdout
    assert "also special" in doctor
    assert "farm: lean.special" in doctor


def test_each_environment_has_its_own_warm_headers(tmp_path: Path, scripted: Install) -> None:
    slow = install(tmp_path / "slow", SCRIPTED_MODULES="Init,Special", SCRIPTED_IMPORT_SLEEP_MS="2000")
    with two_environments(tmp_path / "own", scripted, slow) as running:
        headers = {worker["environment"]: worker["header"] for worker in running.workers()}

    assert headers == {"default": "import Init", "special": "import Special"}


def test_lost_tokens_are_replaced_in_every_environment(pair: RunningFarm, client: Farm) -> None:
    # As if nine had been published, and got lost.
    open_store(pair.redis_url).set("farm:tokens:special", 9)

    batch = client.submit(f"{TRUE} -- lost", environment="special", cache=False)

    await_true(lambda: batch.status().done, "the reaper to notice")


def test_a_poison_proof_in_one_does_not_touch_the_other(client: Farm) -> None:
    poison = client.submit(
        [f"{TRUE} -- crash!", *[f"{TRUE} -- {i}" for i in range(9)]], environment="special", cache=False
    )
    healthy = client.submit([f"{TRUE} -- sleep:50 healthy {i}" for i in range(40)], cache=False).wait()

    assert {(verdict.outcome, verdict.attempts) for verdict in healthy} == {(Outcome.ACCEPTED, 1)}
    outcomes = [verdict.outcome for verdict in poison.wait()]
    assert outcomes == [Outcome.UNDECIDED, *[Outcome.ACCEPTED] * 9]
    assert poison.item(0).verdict.reason is Reason.CRASHED  # type: ignore[union-attr]


def test_proofs_wait_for_their_own_workers_while_the_others_go_on(
    pair: RunningFarm, client: Farm, special: Install
) -> None:
    """An environment that another host adds, loses in the middle of a batch, and brings back."""
    texts = [f"{SPECIAL} -- sleep:200 {i}" for i in range(12)]
    with pytest.raises(InvalidRequest):
        client.submit(texts, environment="guest")
    with lean_workers(pair, "guest", special) as first:
        await_true(lambda: "guest" in served(client), "the new environment")
        batch = client.submit(texts, environment="guest", cache=False)
        await_true(lambda: batch.status().done >= 2, "some progress")
        end_session(first.pid)
    done = batch.status().done
    assert done < len(texts)

    assert {each.outcome for each in client.verify([f"{TRUE} -- {i}" for i in range(40)], cache=False)} == {
        Outcome.ACCEPTED
    }
    assert batch.status().done == done
    await_true(lambda: (found(client, "guest") or pytest.fail("forgotten")).workers == 0, "its end to be seen")
    waiting = found(client, "guest")
    assert waiting is not None
    assert waiting.pending == len(texts) - done
    assert "LEAN_ENVIRONMENT=guest python -m workers.lean" in waiting.notice
    more = client.submit([SPECIAL], environment="guest")  # known, though nobody is there
    readiness = httpx.get(f"{pair.url}/readyz")
    assert (readiness.status_code, readiness.json()["status"]) == (200, "degraded")
    assert not readiness.json()["checks"]["lean.guest"]["ready"]
    assert "proofs wait for it" in readiness.json()["checks"]["lean.guest"]["notice"]

    with lean_workers(pair, "guest", special):
        verdicts = [*batch.wait(), *more.wait()]
        assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
        assert {each.environment.lean_version for each in verdicts} == {OTHER_VERSION}
        assert httpx.get(f"{pair.url}/readyz").json()["status"] == "ready"
    await_true(lambda: (found(client, "guest") or pytest.fail("forgotten")).workers == 0, "its workers to leave")
    assert "lean.guest" not in client.ready()["checks"], "nobody is there, and nobody waits"


def test_a_farm_whose_default_environment_has_no_worker_says_so(pair: RunningFarm, client: Farm) -> None:
    [worker] = [each for each in pair.workers() if each["environment"] == "default"]
    parent = psutil.Process(worker["pid"]).parent()
    assert parent is not None
    parent.terminate()

    degraded = await_true(lambda: not client.ready()["checks"]["lean"]["ready"] and client.ready(), "the default's end")

    assert degraded["status"] == "degraded"
    assert "`python -m workers.lean` starts one" in degraded["checks"]["lean"]["notice"]
    assert client.verify(TRUE, environment="special")[0].outcome is Outcome.ACCEPTED
    await_true(lambda: client.ready()["status"] == "ready", "its supervisor to start it again")
    assert client.verify(TRUE, cache=False)[0].outcome is Outcome.ACCEPTED


def test_workers_of_one_name_that_run_different_leans_are_told_on(
    pair: RunningFarm, client: Farm, scripted: Install, special: Install
) -> None:
    with lean_workers(pair, "mixed", special), lean_workers(pair, "mixed", scripted):
        mixed = await_true(lambda: (one := found(client, "mixed")) and one.workers == 2 and one, "both workers")

    assert LEAN_VERSION in mixed.notice
    assert OTHER_VERSION in mixed.notice
    assert not any("differ" in each.notice for each in client.environments() if each.name in ("default", "special"))


def test_a_drain_waits_for_every_environment(tmp_path: Path, scripted: Install, special: Install) -> None:
    with two_environments(tmp_path / "own", scripted, special) as running, running.client() as client:
        batch = client.submit([f"{TRUE} -- sleep:6000"], environment="special", cache=False)
        await_true(lambda: running_in(running, "special"), "the long proof to run")
        arrived = threading.Event()

        def await_verdict() -> None:
            next(batch.results())
            arrived.set()

        threading.Thread(target=await_verdict, daemon=True).start()

        drain = running.command("drain")

        assert drain.returncode == 0, drain.stderr
        await_true(arrived.is_set, "the verdict of what ran when the drain began", timeout_s=1)
        assert running.up.wait(30) == 0


def running_in(running: RunningFarm, environment: str) -> bool:
    queues = httpx.get(f"{running.url}/v1/workers").json()["queues"]
    return any(each["environment"] == environment and each["leased"] for each in queues)


def test_a_wrong_file_stops_the_start_and_is_named(tmp_path: Path, scripted: Install) -> None:
    write_environment(tmp_path / "environments", "second", LEAN_WORKERS="1", FARM_API_KEY="hush")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LEAN_", "LAKE_"))},
        **lean_settings(scripted),
        **{"ENVIRONMENTS_DIR": str(tmp_path / "environments"), "DATA_DIR": str(tmp_path / "data"), "PORT": "0"},
    }
    up = subprocess.run(
        [sys.executable, "-m", "farm", "up"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert up.returncode == 1
    words = "".join(up.stderr.split())
    assert "second.env" in words
    assert "FARM_API_KEY" in words
    assert "hush" not in up.stderr
    assert not list(processes_of(tmp_path / "data"))
