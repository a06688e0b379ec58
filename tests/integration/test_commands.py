"""`POST /v1/commands` against a whole farm: sessions of LeanInteract requests, each in a fresh REPL process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.repl.transcripts import Record, load, shelves, write_replay
from tests.support.running import RunningFarm, await_true, running_farm

# A recorded timeout is answered by silence; this is how long the farm listens to it.
SILENCE_S = 3.0


def post(farm: RunningFarm, requests: list[dict[str, Any]], **more: Any) -> httpx.Response:
    return httpx.post(f"{farm.url}/v1/commands", json={"requests": requests, **more}, timeout=60)


def names_a_file(record: Record) -> bool:
    return any(name in request for request in record.requests for name in ("path", "pickleTo")) or any(
        name.startswith("unpickle") for request in record.requests for name in request
    )


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # In the REPL's own folder, which the sandbox lets it read.
    return tmp_path_factory.mktemp("repl") / "replay.json"


@pytest.fixture(scope="module")
def replaying(replay: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    repl = install(replay.parent, SCRIPTED_FILE=str(replay))
    write_replay(replay, [])
    with running_farm(tmp_path_factory.mktemp("own"), **lean_settings(repl)) as farm:
        yield farm


def test_recorded_sessions_come_back_as_they_were_recorded(
    replaying: RunningFarm, replay: Path, shared_data: Path
) -> None:
    records = [record for record in load(shared_data / "transcripts.jsonl") if record.client_can_parse]
    sessions = [record for record in records if not names_a_file(record)]
    assert len(sessions) >= 130
    for shelf in shelves(sessions):
        # Every session starts a process, which reads the file that is there then.
        write_replay(replay, shelf)
        for record in shelf:
            ends = None not in record.replies
            answer = post(replaying, list(record.requests), timeout_s=30 if ends else SILENCE_S)
            assert answer.status_code == 200, (record.id, answer.text)
            got = answer.json()
            assert got["responses"] == [reply for reply in record.replies if reply is not None], record.id
            assert got["reason"] == (None if ends else "timeout"), record.id


def test_sessions_that_name_files_are_refused(replaying: RunningFarm, shared_data: Path) -> None:
    records = [record for record in load(shared_data / "transcripts.jsonl") if names_a_file(record)]
    assert len(records) >= 30
    for record in records:
        answer = post(replaying, list(record.requests))
        assert answer.status_code == 422, record.id
        assert "names a file of the farm's host" in answer.json()["error"]["message"]


def test_a_reply_that_is_nested_deep_is_passed_on_as_far_as_it_can_be(farm: RunningFarm) -> None:
    answer = post(farm, [{"cmd": "example : 1 + 1 = 2 := by rfl -- deep:1000"}, {"cmd": "#check Nat"}])

    assert (answer.status_code, answer.json()["reason"], len(answer.json()["responses"])) == (200, None, 2)
    levels, inner = 0, answer.json()["responses"][0]["deep"]
    while inner:
        levels, [inner] = levels + 1, inner
    assert levels > 100


def test_every_session_begins_in_a_fresh_process(farm: RunningFarm) -> None:
    def count() -> tuple[int, int]:
        got = post(farm, [{"cmd": "#eval 1"}, {"cmd": "-- count?", "env": 0}]).json()
        assert [each["env"] for each in got["responses"]] == [0, 1]
        said = json.loads(got["responses"][1]["messages"][0]["data"])
        return said["pid"], said["commands"]

    seen = [count() for _ in range(3)]
    assert len({pid for pid, _ in seen}) == 3
    assert {commands for _, commands in seen} == {2}, "nothing but the session's own requests"


def test_proof_steps_work_on_the_states_of_their_session(farm: RunningFarm) -> None:
    requests: list[dict[str, Any]] = [
        {"cmd": "theorem two : 1 + 1 = 2 := by sorry"},
        {"proofState": 0, "tactic": "rfl"},
        {"proofState": 7, "tactic": "rfl"},
    ]
    got = post(farm, requests).json()
    assert got["responses"][0]["sorries"][0]["proofState"] == 0
    assert got["responses"][1]["proofStatus"] == "Completed"
    # A number nobody gave out is Lean's to refuse, as data.
    assert got["responses"][2] == {"message": "Unknown proof state."}
    assert got["reason"] is None
    assert got["environment"]["lean_version"] == "v4.0.0-scripted"


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ([], "requests"),
        ([{}], "one request is a command"),
        ([{"cmd": "", "env": None}], "cmd"),
        ([{"cmd": "#eval 1", "env": 0}], "requests.0.env: 0 is not an environment of an earlier request"),
        ([{"cmd": "#eval 1"}, {"cmd": "#eval 1", "env": 1}], "requests.1.env"),
        ([{"cmd": "#eval 1", "env": -1}], "env"),
        ([{"proofState": 0, "tactic": "rfl"}], "no earlier request"),
        ([{"cmd": "#eval 1", "proofState": 0, "tactic": "rfl"}], "one request is a command"),
        ([{"cmd": "#eval 1", "gate": "off"}], "gate"),
        ([{"path": "/etc/passwd"}], "`path` names a file"),
        ([{"cmd": "#eval 1"}, {"env": 0, "pickleTo": "/tmp/x"}], "`pickleTo` names a file"),
        ([{"unpickleEnvFrom": "/tmp/x"}], "`unpickleEnvFrom` names a file"),
        ([{"cmd": "#eval 1", "infotree": "everything"}], "infotree"),
        ([{"cmd": "a\x00b"}], "NUL"),
        ([{"cmd": "#eval 1", "setOptions": [["pp.all", True]]}], "setOptions"),
    ],
)
def test_what_a_session_may_not_ask_is_refused(farm: RunningFarm, requests: list[dict[str, Any]], said: str) -> None:
    answer = post(farm, requests)
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_an_endless_request_ends_the_session_and_keeps_what_came_before(farm: RunningFarm) -> None:
    requests = [{"cmd": "#eval 1"}, {"cmd": "-- hang!\n#eval 2"}, {"cmd": "#eval 3"}]
    got = post(farm, requests, timeout_s=1).json()
    assert len(got["responses"]) == 1
    assert got["reason"] == "timeout"
    assert got["message"] == "Lean did not answer request 1 within 1 s"


def test_a_session_that_kills_lean_is_crashed_and_harms_nobody(farm: RunningFarm) -> None:
    got = post(farm, [{"cmd": "#eval 1"}, {"cmd": "-- crash!\n#eval 2"}]).json()
    assert got["reason"] == "crashed"
    assert "at request 1" in got["message"]
    assert got["responses"] == []
    with farm.client() as client:
        [verdict] = client.verify("theorem after : 1 = 1 := rfl")
    assert verdict.outcome == "accepted"


def test_sessions_do_not_show_among_batches(farm: RunningFarm) -> None:
    with farm.client() as client:
        before = [batch.batch_id for batch in client.batches(1000)]
        post(farm, [{"cmd": "#eval 1"}])
        assert [batch.batch_id for batch in client.batches(1000)] == before


def test_a_client_that_leaves_ends_its_session(farm: RunningFarm) -> None:
    body = [{"cmd": "-- hang!\n#eval 1"}]
    left = threading.Event()

    def leave() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{farm.url}/v1/commands", json={"requests": body, "timeout_s": 60}, timeout=2)
        left.set()

    thread = threading.Thread(target=leave)
    thread.start()
    await_true(lambda: any(worker["state"] == "busy" for worker in farm.workers()), "a worker takes it", 10)
    thread.join()
    assert left.is_set()
    await_true(lambda: all(worker["state"] == "idle" for worker in farm.workers()), "the worker is free again", 20)


def test_a_farm_without_lean_says_so(tmp_path: Path) -> None:
    with running_farm(tmp_path, LAKE_PATH="no-such-lake") as bare:
        got = post(bare, [{"cmd": "#eval 1"}]).json()
    assert got["responses"] == []
    assert got["reason"] == "farm_error"
    assert "Lean was not found" in got["message"]
