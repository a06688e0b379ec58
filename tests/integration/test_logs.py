"""The logs of a farm's processes: one JSON object per line, found by request and batch, and no text of a proof."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from farm.celery_app import Tokens, celery_app
from farm.settings import load
from tests.conftest import lean_settings
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

ROOMS = ("api", "lean", "reaper", "embed", "premises")
MARK = "marker_5b1f7e"
TRUE = f"theorem {MARK} : 1 + 1 = 2 := by rfl"
# Accepted, refused, refused with goals, and what happens to a process: death, lies, sleep beyond the timeout, a flood.
CODES = [
    *(f"{TRUE} -- {index}" for index in range(20)),
    f"theorem {MARK} : 1 + 1 = 3 := by rfl",
    f"theorem {MARK} : 1 = 1 := by sorry",
    f"example : 1 = 1 := by exact {MARK} -- unknown:{MARK} error!",
    *(f"{TRUE} -- {word}" for word in ("crash!", "hang!", "garbage!", "blank!", "deep:500", "badutf8!", "forgelate:5")),
    f"import {MARK}\n{TRUE}",
]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm whose logs nobody else writes to."""
    settings = {"LEAN_TIMEOUT_S": "1", "LEAN_MAX_DEATHS": "2"}
    with running_farm(tmp_path_factory.mktemp("logged"), **lean_settings(scripted), **settings) as running:
        yield running


def lines(farm: RunningFarm, *rooms: str) -> list[dict[str, Any]]:
    """Return what rooms logged, line by line."""
    return [json.loads(line) for room in rooms or ROOMS for line in farm.log(room).splitlines()]


def about(farm: RunningFarm, *rooms: str, **fields: Any) -> list[dict[str, Any]]:
    """Return the lines whose fields have these values."""
    return [line for line in lines(farm, *rooms) if fields.items() <= line.items()]


def line_of(farm: RunningFarm, request: str) -> dict[str, Any]:
    """Return the one line of a request; it is written when the answer has been sent."""
    [line] = await_true(lambda: about(farm, "api", request=request), f"the line of {request}")
    return dict(line)


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/verify", "/api/check", "/retrieve", "/mcp"])
def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault(logged: RunningFarm, path: str) -> None:
    address, name = urlsplit(logged.url), f"gone{path.replace('/', '-')}"
    with socket.create_connection((address.hostname, address.port)) as leaving:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Request-ID: {name}\r\n"
        leaving.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())

    line = line_of(logged, name)
    assert (line["event"], line["status"]) == ("request", 499)


def submit(farm: RunningFarm, codes: list[str], **headers: str) -> tuple[str, httpx.Response]:
    """Submit a batch, and wait for its end; return its id, and the answer."""
    body = {"proofs": [{"code": code, "id": f"{MARK}-{index}"} for index, code in enumerate(codes)]}
    answer = httpx.post(f"{farm.url}/v1/batches", json=body, headers=headers)
    batch = str(answer.json()["batch_id"])
    status = f"{farm.url}/v1/batches/{batch}"
    await_true(lambda: httpx.get(status).json()["state"] == "done", "the batch is done", 60)
    return batch, answer


def test_a_batch_is_found_by_its_id_in_every_room_and_nothing_of_its_proofs_is(logged: RunningFarm) -> None:
    batch, answer = submit(logged, CODES, **{"X-Request-ID": "step-17.try_2"})
    httpx.post(f"{logged.url}/v1/retrieve", json={"queries": [{"state": f"⊢ {MARK}", "k": 3}]})

    submitted = line_of(logged, "step-17.try_2")
    expected = {"event": "request", "method": "POST", "route": "/v1/batches", "status": 202, "batch": batch}
    assert expected.items() <= submitted.items()
    assert 0 < submitted["seconds"] < 60
    assert answer.headers["X-Request-ID"] == "step-17.try_2"
    await_true(
        lambda: sum(x["written"] for x in about(logged, "lean", batch=batch, event="chunk.done")) >= 31, "chunks"
    )
    assert {line["event"] for line in about(logged, "lean", batch=batch)} >= {"chunk.done", "repl.died"}
    assert all(line["lease"] for line in about(logged, "lean", batch=batch))
    texts = "".join(logged.log(room) for room in (*ROOMS, "flower", "valkey"))
    assert len(texts) > 1000
    assert MARK not in texts + (logged.folder / "up.log").read_text()


def test_every_line_of_every_room_says_when_where_and_what(logged: RunningFarm) -> None:
    submit(logged, CODES[:3])

    for room in ROOMS:
        # The farm has more to say at its end than while it runs; that is looked at below.
        for line in lines(logged, room):
            assert {"timestamp", "level", "room", "event"} <= line.keys()
            assert line["room"] == room


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", '{"a":1}', "a\tb"])
def test_an_id_that_does_not_look_like_one_is_replaced(logged: RunningFarm, given: str) -> None:
    answer = httpx.get(f"{logged.url}/v1/batches", headers=[(b"X-Request-ID", given.encode())])
    made = answer.headers["X-Request-ID"]

    assert made != given
    assert line_of(logged, made)["route"] == "/v1/batches"


def test_a_request_that_is_refused_is_logged_by_its_route_and_not_by_its_path(logged: RunningFarm) -> None:
    answers = [
        httpx.get(f"{logged.url}/v1/batches/{MARK}", headers={"X-Request-ID": "no-such-batch"}),
        httpx.get(f"{logged.url}/{MARK}", headers={"X-Request-ID": "no-such-route"}),
        httpx.get(f"{logged.url}/v1/batches", headers={"X-Request-ID": "wrong-host", "Host": "evil.example"}),
    ]

    assert [answer.headers["X-Request-ID"] for answer in answers] == ["no-such-batch", "no-such-route", "wrong-host"]
    of_batch, of_route, of_host = (line_of(logged, answer.headers["X-Request-ID"]) for answer in answers)
    assert (of_batch["route"], of_batch["status"], "batch" in of_batch) == ("/v1/batches/{batch_id}", 404, False)
    assert (of_route["route"], of_route["status"]) == ("", 404)
    assert (of_host["route"], of_host["status"]) == ("", 403)


def test_probes_are_quiet(logged: RunningFarm) -> None:
    for path in ("livez", "readyz", "health", "metrics"):
        httpx.get(f"{logged.url}/{path}", headers={"X-Request-ID": f"probe-{path}"})
    httpx.get(f"{logged.url}/v1/batches", headers={"X-Request-ID": "after-probes"})

    line_of(logged, "after-probes")
    assert not [line for line in lines(logged, "api") if line.get("request", "").startswith("probe-")]


def test_a_stream_is_one_line_once_it_has_ended(logged: RunningFarm) -> None:
    batch, _ = submit(logged, CODES[:3])
    headers = {"X-Request-ID": "stream-1", "Accept": "application/x-ndjson"}
    httpx.get(f"{logged.url}/v1/batches/{batch}/results", headers=headers)

    line = line_of(logged, "stream-1")
    assert (line["batch"], line["status"]) == (batch, 200)


def test_a_fault_is_one_line_and_so_is_every_last_word(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "own", **lean_settings(scripted)) as own:
        store = open_store(own.redis_url)
        store.set("farm:batches:local", f"not a sorted set, {MARK}")
        headers = {"X-Request-ID": "fault-1"}
        assert httpx.get(f"{own.url}/v1/batches", headers=headers).status_code == 500
        store.set("farm:owners:default:batch", MARK)
        Tokens(celery_app(load(redis_url=own.redis_url))).lean("default", 2)
        await_true(lambda: about(own, "lean", event="task.failed"), "a task that failed")

    fault = line_of(own, "fault-1")
    assert (fault["event"], fault["status"]) == ("request.fault", 500)
    assert "farm/store/batches.py" in fault["exception"], "where it came from"
    assert "WRONGTYPE" not in own.log("api"), "the text of an exception may quote a proof"
    assert MARK not in "".join(own.log(room) for room in ROOMS)
    assert lines(own), "each of them could be parsed"


def test_a_failed_start_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "PORT": "many", "REDIS_URL": "redis://127.0.0.1:9"}
    for module in ("api", "workers.lean", "workers.reaper", "workers.embed", "workers.premises"):
        command = [sys.executable, "-m", module]
        run = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        line = json.loads(run.stderr)

        assert run.returncode != 0
        assert (line["event"], line["code"]) == ("process.failed", "configuration")
        assert "PORT" in line["error"]
