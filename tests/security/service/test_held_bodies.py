"""What an API process holds of bodies that have not come to their end, and for whom."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import httpx

from tests.security.service.conftest import Guarded, api_process
from tests.security.service.test_requests import bearer, keyed
from tests.support.running import await_true

# A process that can hold 2 MB of bodies, 1 MB for one key.
SMALL = "import api.body_memory as l; l.Buffered.__init__.__defaults__ = (2 << 20,)"


def test_large_bodies_at_once_are_bounded_and_one_key_cannot_take_all(guarded: Guarded) -> None:
    big = json.dumps({"proofs": [{"code": "x" * 900_000}]})
    with api_process(guarded.farm.redis_url, SMALL, **keyed(guarded)) as url:
        address = urlsplit(url)
        head = "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with socket.create_connection((address.hostname, address.port)) as holder:
            # A body of which all but the end has come is held.
            key = bearer(guarded, "mine")["Authorization"]
            holder.sendall(f"{head}Authorization: {key}\r\nContent-Length: {len(big)}\r\n\r\n{big[:-1]}".encode())

            def post(name: str) -> httpx.Response:
                headers = {**bearer(guarded, name), "Content-Type": "application/json"}
                return httpx.post(f"{url}/v1/batches", content=big, headers=headers)

            refused = await_true(lambda: _if(post("mine"), 429), "the first body's arrival")
            assert refused.json()["error"]["details"] == {"limit": "buffered"}
            assert int(refused.headers["Retry-After"]) >= 1
            assert post("theirs").status_code == 202
            holder.sendall(big[-1:].encode())
            assert holder.recv(12) == b"HTTP/1.1 202"
        assert post("mine").status_code == 202, "what is answered is held no more"


def test_ndjson_counts_too_until_it_is_stored(guarded: Guarded) -> None:
    half, line = "import api.body_memory as l; l.Buffered.__init__.__defaults__ = (16 << 20,)", b'{"code":"'
    many = (json.dumps({"code": "x" * 100_000}).encode() + b"\n") * 120
    with api_process(guarded.farm.redis_url, half, **keyed(guarded)) as url:
        address, key = urlsplit(url), bearer(guarded, "mine")["Authorization"]

        def post(name: str) -> httpx.Response:
            headers = {**bearer(guarded, name), "Content-Type": "application/x-ndjson"}
            return httpx.post(f"{url}/v1/batches", content=many, headers=headers, timeout=60)

        assert post("mine").status_code == 202, "what is stored is held no more, and the body is larger than the limit"
        with socket.create_connection((address.hostname, address.port)) as holder:
            head = "POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            holder.sendall(f"{head}Authorization: {key}\r\nContent-Length: 9999999\r\n\r\n".encode())
            holder.sendall(line + b"x" * 7_800_000)
            refused = await_true(lambda: _if(post("mine"), 429), "the line's arrival")
            assert refused.json()["error"]["details"] == {"limit": "buffered"}
            assert post("theirs").status_code == 202
        await_true(lambda: _if(post("mine"), 202), "the line is held no more")


def _if(answer: httpx.Response, status: int) -> httpx.Response | None:
    return answer if answer.status_code == status else None
