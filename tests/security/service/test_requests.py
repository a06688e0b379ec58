"""What a request may cost the farm, and what every answer carries."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.security.service.conftest import Guarded, api_process
from tests.support.open_store import open_store
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
LAST = (1 << 64) - 1
NDJSON = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
# A body that never comes, and one that comes too slowly.
IMPATIENT = "import api.bodies as b; b._PATIENCE_S = 0.3; b._SLOWEST_BYTES_PER_S = 1000"


def keyed(guarded: Guarded) -> dict[str, str]:
    return {"API_KEYS_FILE": str(guarded.keys_file)}


def bearer(guarded: Guarded, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {guarded.keys[name]}"}


def test_a_key_that_asks_too_often_waits_and_others_do_not(guarded: Guarded) -> None:
    with (
        api_process(guarded.farm.redis_url, **keyed(guarded), MAX_REQUESTS_PER_S="2") as url,
        httpx.Client(base_url=url, headers=bearer(guarded, "mine")) as mine,
    ):
        answers = [mine.get("/v1/batches") for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert {answer.json()["error"]["code"] for answer in refused} == {"rate_limited"}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert httpx.get(f"{url}/v1/batches", headers=bearer(guarded, "theirs")).status_code == 200
        assert {mine.get("/livez").status_code for _ in range(30)} == {200}
        await_true(lambda: mine.get("/v1/batches").status_code == 200, "the key's next turn")


def waiting_streams(guarded: Guarded) -> int:
    store = open_store(guarded.farm.redis_url)
    try:
        return sum(each["cmd"] == "xread" and "b" in each["flags"] for each in store.client_list())
    finally:
        store.close()


def test_a_key_with_many_streams_leaves_connections_to_others(guarded: Guarded) -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    with (
        api_process(guarded.farm.redis_url, few, **keyed(guarded)) as url,
        httpx.Client(base_url=url, headers=bearer(guarded, "mine"), timeout=60) as mine,
        ExitStack() as streams,
    ):
        batch = mine.post("/v1/batches", json={"proofs": [{"code": f"{TRUE} -- hang!"}], "timeout_s": 60}).json()
        path = batch["links"]["self"]
        request = mine.build_request("GET", f"{path}/results", headers={"Accept": "application/x-ndjson"})
        opened = [mine.send(request, stream=True) for _ in range(80)]
        for each in opened:
            streams.callback(each.close)
        assert {each.status_code for each in opened} == {200}
        await_true(lambda: waiting_streams(guarded) >= 40, "the streams wait")
        # The process may have 64 connections. A stream that may not wait there still reads, within a millisecond.
        assert max(waiting_streams(guarded) for _ in range(50)) < 60
        assert httpx.get(f"{url}/v1/batches", headers=bearer(guarded, "theirs")).status_code == 200
        mine.delete(path)
        assert {list(each.iter_lines())[-1].endswith('"done":true}') for each in opened} == {True}


def test_strangers_are_counted_by_address(guarded: Guarded) -> None:
    settings = {**keyed(guarded), "MAX_REQUESTS_PER_S": "2", "RETRIEVE_OPEN": "true"}
    with api_process(guarded.farm.redis_url, **settings) as url, httpx.Client(base_url=url) as http:
        assert {http.get("/max-new-premises").status_code for _ in range(30)} == {200, 500}
        assert http.get("/readyz").status_code == 429, "one address, one bucket"
        assert http.get("/v1/batches", headers=bearer(guarded, "mine")).status_code == 200


def test_without_keys_nobody_is_counted(farm: RunningFarm) -> None:
    with api_process(farm.redis_url, MAX_REQUESTS_PER_S="1") as url, httpx.Client(base_url=url) as http:
        assert {http.get("/v1/batches").status_code for _ in range(30)} == {200}


def send_slowly(url: str, head: str, body: list[bytes]) -> bytes:
    """Send a request's head and then nothing, or a little at a time; return what the farm says until it hangs up."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n")
        connection.settimeout(0.05)
        said = b""
        while True:
            try:
                if body and not said:
                    connection.sendall(body.pop())
                received = connection.recv(4096)
            except TimeoutError:
                continue
            except ConnectionError:  # it hung up while a byte was on its way
                return said
            if not received:
                return said
            said += received


@pytest.fixture(scope="module")
def impatient(farm: RunningFarm) -> Iterator[str]:
    """The URL of an API that waits for no body longer than a moment."""
    with api_process(farm.redis_url, IMPATIENT) as url:
        yield url


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("dribble", [0, 1000], ids=["silent", "dribbling"])
def test_a_body_that_does_not_come_is_not_waited_for(impatient: str, kind: str, dribble: int) -> None:
    head = f"POST /v1/batches HTTP/1.1\nHost: localhost\nContent-Type: {kind}\nContent-Length: 100000\n"

    said = send_slowly(impatient, head, [b"{"] * dribble)

    assert said.startswith(b"HTTP/1.1 422 ")
    assert b"too slowly" in said


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/batches/x/rerun", "/v1/rows", "/api/check", "/mcp"])
def test_a_strangers_body_is_not_waited_for(guarded: Guarded, path: str) -> None:
    address = urlsplit(guarded.farm.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as stranger:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        stranger.sendall(head.encode())

        assert stranger.recv(12) == b"HTTP/1.1 401"


def test_a_connection_that_breaks_off_leaves_nothing_behind(farm: RunningFarm) -> None:
    address, line = urlsplit(farm.url), json.dumps({"code": TRUE}).encode() + b"\n"
    with httpx.Client(base_url=farm.url) as http, socket.create_connection((address.hostname, address.port)) as sent:
        before = http.get("/v1/batches").json()
        head = b"POST /v1/batches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
        sent.sendall(head + b"Content-Length: 999999\r\n\r\n" + line * 1000)
        sent.close()
        assert http.get("/v1/batches").json() == before


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("zeros", b"\0" * (1 << 20)),
        ("blank lines", b"\n" * (1 << 20)),
        ("one proof", b'{"code":"' + b"x" * (1 << 20)),
        ("in members", b"x" * (1 << 20)),
    ],
)
def test_a_gzip_bomb_is_refused_before_it_is_memory(farm: RunningFarm, name: str, unit: bytes) -> None:
    bomb = gzip.compress(unit, 1) * 1500 if name == "in members" else _one_member(unit, 1500)
    assert len(bomb) < 16 << 20, "it would be no bomb"
    [api] = [process for process in farm.processes() if process.cmdline()[-2:] == ["-m", "api"]]
    before = api.memory_info().rss

    answer = httpx.post(f"{farm.url}/v1/batches", content=bomb, headers=NDJSON, timeout=60)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large"), name
    assert psutil.Process(api.pid).memory_info().rss - before < 200 << 20


def _one_member(unit: bytes, times: int) -> bytes:
    """Return the beginning of a gzip member: compressing all of it would take seconds, repeating a block takes none."""
    raw = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return gzip.compress(b"")[:10] + (raw.compress(unit) + raw.flush(zlib.Z_FULL_FLUSH)) * times


ANSWERS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/livez", {}),
    ("GET", "/readyz", {}),
    ("GET", "/metrics", {}),
    ("GET", "/docs", {}),
    ("GET", "/console", {}),
    ("GET", "/console/assets/app.js", {}),
    ("GET", "/openapi.json", {}),
    ("GET", "/nothing", {}),
    ("PUT", "/v1/batches", {}),
    ("POST", "/v1/verify", {"content": b"{"}),
    ("POST", "/v1/verify", {"json": {"proofs": [{"code": TRUE}]}}),
    ("POST", "/retrieve", {"json": {"state": "x", "k": 1}}),
    ("OPTIONS", "/v1/verify", {"headers": {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}}),
]


@pytest.mark.parametrize(("method", "path", "request_"), ANSWERS)
def test_every_answer_carries_security_headers_and_no_cors(
    farm: RunningFarm, method: str, path: str, request_: dict[str, Any]
) -> None:
    headers = httpx.request(method, f"{farm.url}{path}", timeout=30, **request_).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]


def test_a_fault_carries_them_too_and_says_nothing_of_its_cause(guarded: Guarded) -> None:
    broken = "import api.routes.operations as o\nasync def f(*_): raise KeyError('the cause')\no.read_status = f"
    with api_process(guarded.farm.redis_url, broken) as url:
        answer = httpx.get(f"{url}/v1/workers")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "the cause" not in answer.text


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Host", "localhost:8000", 200),
        ("Host", "127.0.0.1", 200),
        ("Host", "[::1]:8000", 200),
        ("Host", "farm-host:8000", 200),
        ("Host", "evil.example", 403),
        ("Host", "evil.example.:8000", 403),
        ("Host", "2130706433", 403),
        ("Host", "evil@x:y", 403),
        ("Host", "127.0.0.1.evil.example:8000", 403),
        ("Host", "localhost.evil.example", 403),
        ("Host", "", 403),
        ("Host", "192.0.2.1:8000", 403),
        ("Origin", "http://localhost:8000", 200),
        ("Origin", "http://evil.example", 403),
        ("Origin", "null", 403),
    ],
)
def test_without_keys_only_this_hosts_own_pages_are_served(
    farm: RunningFarm, name: str, value: str, status: int
) -> None:
    answer = httpx.get(f"{farm.url}/v1/batches", headers={name: value})

    assert answer.status_code == status
    assert status == 200 or answer.json()["error"]["code"] == "forbidden"


def test_with_keys_any_name_is_served(guarded: Guarded) -> None:
    with guarded.http("mine") as http:
        assert http.get("/v1/batches", headers={"Host": "farm.example"}).status_code == 200


@pytest.mark.parametrize("module", ["api", "farm"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "farm.example"])
def test_without_keys_nothing_but_loopback_is_bound(module: str, host: str, valkey_url: str, tmp_path: Any) -> None:
    settings = {"FARM_HOST": host, "REDIS_URL": valkey_url, "PORT": "0", "DATA_DIR": str(tmp_path), "API_KEYS_FILE": ""}
    command = [sys.executable, "-m", module, *(["up"] if module == "farm" else [])]
    run = subprocess.run(
        command, env={**os.environ, **settings}, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert run.returncode != 0
    assert "API_KEYS_FILE" in run.stderr


@pytest.fixture
def finished(farm: RunningFarm) -> Iterator[str]:
    with farm.client() as client:
        batch = client.submit([TRUE])
        batch.wait()
        yield batch.id


@pytest.mark.parametrize(
    "part",
    ["items", "results", "finished", "lanes", "history", "parked", "", "items/items/0", "%0A", "%00", "x" * 9000],
)
def test_a_batchs_other_keys_are_no_batches(farm: RunningFarm, finished: str, part: str) -> None:
    for path in ("", "/results"):
        answer = httpx.get(f"{farm.url}/v1/batches/{finished}:{part}{path}")
        assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "cursor", [f"{1 << 64}-0", f"0-{1 << 64}", f"{(1 << 64) - 1}-{(1 << 64) - 1}", "٣-٣", "-", "1"]
)
@pytest.mark.parametrize("part", ["results", "matches?text=x"])
def test_a_made_up_cursor_is_422(farm: RunningFarm, finished: str, part: str, cursor: str) -> None:
    query = f"{'&' if '?' in part else '?'}after={cursor}"

    assert httpx.get(f"{farm.url}/v1/batches/{finished}/{part}{query}").status_code == 422


@pytest.mark.parametrize("cursor", [f"{LAST}-{LAST - 1}", f"0-{LAST}", "00-01"])
def test_a_cursor_beyond_all_entries_is_a_place_too(farm: RunningFarm, finished: str, cursor: str) -> None:
    assert httpx.get(f"{farm.url}/v1/batches/{finished}/results?after={cursor}").status_code == 200


def test_a_deadline_beyond_all_time_is_422(farm: RunningFarm) -> None:
    answer = httpx.post(f"{farm.url}/v1/batches", json={"proofs": [{"code": TRUE}], "deadline_s": 1e307})

    assert answer.status_code == 422
