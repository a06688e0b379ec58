"""The published kimina-client, unmodified, against the farm; and the parts of the answers that it does not look at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm.keys import create_key
from tests.compat.kimina_cases import CORRECTED, FALSE, HEADER, SAME, TIMED_OUT, TRUE
from tests.compat.kimina_sessions import session
from tests.conftest import lean_settings
from tests.support.repl.install import Install, install
from tests.support.running import RunningFarm, running_farm

CASES = SAME | CORRECTED


@pytest.fixture(scope="module", params=["sync", "async"])
def answers(request: pytest.FixtureRequest, farm: RunningFarm, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return session(tmp_path_factory.mktemp("session"), request.param, farm.url, CASES)


@pytest.fixture
def http(farm: RunningFarm) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, timeout=30) as client:
        yield client


def check(http: httpx.Client, *codes: str, **more: Any) -> Any:
    body = {"snippets": [{"id": str(at), "code": code} for at, code in enumerate(codes)], **more}
    answer = http.post("/api/check", json=body)
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [result["id"] for result in results] == [str(at) for at in range(len(codes))]
    return results


@pytest.mark.parametrize("name", CASES)
def test_the_client_reads_every_answer(answers: Any, name: str) -> None:
    assert tuple(answers[name]["statuses"]) == CASES[name].statuses


def test_the_client_finds_the_server_healthy(answers: Any) -> None:
    assert answers["health"] == {"status": "ok"}
    assert answers["test"] is True


def test_every_position_is_one_of_the_snippet(http: httpx.Client) -> None:
    code = f"-- why\r\nimport Init\n\nimport Lean {FALSE}\n{TRUE} -- error!\ntheorem h : 1 = 1 := by sorry"
    [result] = check(http, code, infotree="original")
    response, lines = result["response"], code.split("\n")

    def at(place: dict[str, int]) -> str:
        return lines[place["line"] - 1][place["column"] :]

    first, second, third = response["messages"]
    assert at(first["pos"]) == "decide"
    assert at(second["pos"]) == "error!"
    assert at(third["pos"]).startswith("h :")
    assert at(response["sorries"][0]["pos"]) == "sorry"
    ranges = [tree["node"]["stx"] for tree in response["infotree"]]
    assert [at(stx["range"]["start"])[: len(stx["pp"])] for stx in ranges] == [stx["pp"] for stx in ranges]
    assert at(response["infotree"][0]["children"][0]["node"]["stx"]["range"]["start"]) == "decide"


def test_a_reply_that_is_nested_deep_is_an_answer_too(http: httpx.Client) -> None:
    deep, true = check(http, f"{TRUE} -- deep:1000", TRUE, infotree="full")

    assert "error" not in deep
    assert deep["response"].keys() == true["response"].keys()


def test_a_header_s_own_errors_are_told(http: httpx.Client) -> None:
    [result] = check(http, f"import Nowhere\n{TRUE}")

    assert result["response"]["messages"][0]["pos"] == {"line": 1, "column": 0}
    assert "header" in result["response"]["messages"][0]["data"]


@pytest.mark.parametrize("path", ["/api/check", "/api/check/"])
def test_a_timeout_is_200_and_says_so(http: httpx.Client, path: str) -> None:
    body = {"snippets": [{"id": "a", "code": f"{TRUE} -- hang!"}], "timeout": 1}
    [result] = http.post(path, json=body).json()["results"]

    assert (result["error"], result["time"]) == (TIMED_OUT, 1.0)
    assert "response" not in result


@pytest.mark.parametrize("path", ["/verify", "/verify/", "/one_pass_verify_batch", "/one_pass_verify_batch/"])
def test_the_older_routes(http: httpx.Client, path: str) -> None:
    codes = [
        {"custom_id": 7, "proof": TRUE, "code": "ignored"},
        {"custom_id": "x", "code": HEADER + FALSE},
        {"custom_id": "x", "proof": f"{TRUE} -- hang!"},
        {"custom_id": "r", "proof": f"{TRUE} -- leanerror!"},
    ]
    true, false, late, refused = http.post(path, json={"codes": codes, "timeout": 1}).json()["results"]

    assert true.keys() == {"custom_id", "response"}
    assert true["custom_id"] == "7"
    assert true["response"].keys() == {"env", "time"}
    assert false["response"]["messages"][0]["pos"]["line"] == 3
    assert late == {"custom_id": "x", "error": TIMED_OUT}
    assert refused["response"].keys() == {"message", "time"}
    assert http.post(path, json={"codes": []}).json() == {"results": []}


def test_a_process_of_its_own_is_one(http: httpx.Client) -> None:
    code = f"{TRUE} -- count?"
    ran = [check(http, code, reuse=reuse)[0]["response"]["messages"][0]["data"] for reuse in (False, True, False)]
    first, second, third = (json.loads(each)["pid"] for each in ran)

    assert first != third
    assert second != third


def test_diagnostics_name_the_process_and_what_it_took(http: httpx.Client) -> None:
    [result] = check(http, f"{TRUE} -- burn:300", debug=True)

    assert result["diagnostics"].keys() == {"repl_uuid", "cpu_max", "memory_max"}
    assert result["diagnostics"]["cpu_max"] > 0
    assert result["diagnostics"]["memory_max"] > 1 << 20


def test_what_cannot_be_sent_to_lean_fails_alone(http: httpx.Client) -> None:
    true, nul = check(http, TRUE, "a\0b")

    assert "response" in true
    assert "NUL" in nul["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"snippets": []},
        {"snippets": [{"id": "a", "code": "x"}, {"id": "a", "code": "y"}]},
        {"snippets": [{"id": 1, "code": "x"}]},
        {"snippets": [{"id": "a"}]},
        {"snippets": [{"id": "a", "code": "x"}], "timeout": -1},
        {"snippets": [{"id": "a", "code": "x"}], "timeout": 1.5},
        {"snippets": [{"id": "a", "code": "x"}], "infotree": "odd"},
        [],
    ],
)
def test_bad_bodies_are_422_with_a_list_of_findings(http: httpx.Client, body: Any) -> None:
    answer = http.post("/api/check", json=body)

    assert answer.status_code == 422
    assert {"type", "loc", "msg"} <= answer.json()["detail"][0].keys()
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_health_is_open_in_every_spelling(http: httpx.Client) -> None:
    for path in ("/health", "/health/", "/"):
        assert http.get(path).json() == {"status": "ok"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("keyed")
    key = create_key(folder / "keys", "team")
    with running_farm(folder / "farm", **lean_settings(scripted), API_KEYS_FILE=str(folder / "keys")) as farm:
        yield farm.url, key


def test_keys_bare_or_bearer(keyed: tuple[str, str]) -> None:
    url, key = keyed
    body = {"snippets": [{"id": "a", "code": TRUE}]}

    def status(headers: dict[str, str]) -> tuple[int, Any]:
        answer = httpx.post(f"{url}/api/check", json=body, headers=headers)
        return answer.status_code, answer.json().get("detail")

    assert status({}) == (401, "Missing API key")
    assert status({"authorization": "Bearer nonsense"}) == (401, "Invalid API key")
    assert status({"authorization": f"Bearer {key}"}) == (200, None)
    assert status({"authorization": key}) == (200, None)
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.post(f"{url}/verify", json={"codes": []}).status_code == 401


def test_overload_is_429_as_there(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "farm", **lean_settings(scripted), MAX_PENDING_PROOFS="1") as farm:
        body = {"snippets": [{"id": each, "code": TRUE} for each in "ab"]}
        answer = httpx.post(f"{farm.url}/api/check", json=body)

    assert (answer.status_code, answer.json()) == (429, {"detail": "No available REPLs"})
    assert answer.headers["retry-after"]


def test_four_headers_on_two_processes_are_loaded_eight_times_at_most(tmp_path: Path) -> None:
    log = tmp_path / "repl.log"
    repl = install(tmp_path / "repl", SCRIPTED_LOG=str(log))
    headers = [f"import Init\nimport Lean.H{at}\n" for at in range(4)]
    # In the sandbox the script could not write its log.
    with (
        running_farm(tmp_path / "farm", **lean_settings(repl), SANDBOX="off") as farm,
        httpx.Client(base_url=farm.url) as http,
    ):
        results = check(http, *(f"{headers[at % 4]}\ntheorem t{at} : 1 = 1 := by rfl" for at in range(24)))

    assert all("error" not in result for result in results)
    commands = [json.loads(line)["request"] for line in log.read_text().splitlines()]
    loads = [each for each in commands if each.get("cmd", "").startswith("import")]
    assert 4 <= len(loads) <= 8


BENCHMARK = """
import sys, typing, typing_extensions
if sys.version_info < (3, 12):
    typing.TypedDict = typing_extensions.TypedDict
import asyncio
from kimina_client import AsyncKiminaClient, KiminaClient
url, data = sys.argv[1:]
KiminaClient(api_url=url).run_benchmark(data, n=8, batch_size=3, show_progress=False)
asyncio.run(AsyncKiminaClient(api_url=url).run_benchmark(data, n=8, show_progress=False))
"""
CARD = """---
dataset_info:
  features:
  - {name: id, dtype: string}
  - {name: code, dtype: string}
---
"""


def test_the_client_s_benchmark_runs_over_a_local_data_set(farm: RunningFarm, tmp_path: Path) -> None:
    rows = [{"id": str(at), "code": HEADER + (FALSE if at % 4 == 3 else TRUE)} for at in range(8)]
    data = tmp_path / "data"
    data.mkdir()
    (data / "README.md").write_text(CARD)
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-c", BENCHMARK, farm.url, str(data)]
    environment = {**farm.environment, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=100, env=environment, check=False, stdin=subprocess.DEVNULL
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("6 (75 %)") == 2, done.stdout
    assert done.stdout.count("2 (25 %)") == 2
