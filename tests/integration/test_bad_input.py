"""Malformed requests: each gets its documented answer in the common form, none is a 500, and nothing is stored."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.running import RunningFarm

CODE = "theorem two : 1 + 1 = 2 := by rfl"
GOOD = {"proofs": [{"code": CODE}]}
LINE = json.dumps({"code": CODE}).encode() + b"\n"


def proofs(*items: Any, **options: Any) -> bytes:
    return json.dumps({"proofs": list(items), **options}).encode()


INVALID: dict[str, bytes] = {
    "empty body": b"",
    "not JSON": b"{proofs",
    "not UTF-8": b'{"proofs":[{"code":"\xff\xfe"}]}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "no proofs": b"{}",
    "empty proofs": proofs(),
    "proofs is a string": b'{"proofs":"x"}',
    "a proof is a string": proofs("x"),
    "a proof is null": proofs(None),
    "a proof without code": proofs({"id": "a"}),
    "empty code": proofs({"code": ""}),
    "code is a number": proofs({"code": 5}),
    "NUL in code": proofs({"code": "theorem \0"}),
    "lone surrogate": b'{"proofs":[{"code":"\\ud800"}]}',
    "code over a million characters": proofs({"code": "x" * 1_000_001}),
    "id is a number": proofs({"code": CODE, "id": 5}),
    "empty id": proofs({"code": CODE, "id": ""}),
    "NUL in an id": proofs({"code": CODE, "id": "\0"}),
    "duplicate ids": proofs({"code": CODE, "id": "a"}, {"code": CODE, "id": "a"}),
    "an id that is another's position": proofs({"code": CODE, "id": "1"}, {"code": CODE}),
    "unknown field of a proof": proofs({"code": CODE, "cod": 1}),
    "unknown option": proofs({"code": CODE}, tiemout_s=5),
    "timeout is a string": proofs({"code": CODE}, timeout_s="5"),
    "timeout is zero": proofs({"code": CODE}, timeout_s=0),
    "timeout is negative": proofs({"code": CODE}, timeout_s=-1),
    "timeout is NaN": b'{"proofs":[{"code":"x"}],"timeout_s":NaN}',
    "timeout is infinite": proofs({"code": CODE}, timeout_s=1e999),
    "timeout over the farm's": proofs({"code": CODE}, timeout_s=1e6),
    "priority over 9": proofs({"code": CODE}, priority=10),
    "priority is a fraction": proofs({"code": CODE}, priority=1.5),
    "cache is a string": proofs({"code": CODE}, cache="yes"),
    "unknown level": proofs({"code": CODE}, level="sure"),
    "a level this farm cannot reach": proofs({"code": CODE}, level="attested"),
    "a level behind no gate": proofs({"code": CODE, "statement": "theorem a : True"}, level="checked", gate="off"),
    "a level without a statement": proofs({"code": CODE}, level="checked"),
    "a module above compiled": proofs({"code": CODE, "statement": "module\nimport A\ntheorem a : T"}, level="checked"),
    "targets without a statement": proofs({"code": CODE, "targets": ["a"]}),
    "an unknown target": proofs({"code": CODE, "statement": "theorem a : True", "targets": ["b"]}),
    "a target that is no name": proofs({"code": CODE, "statement": "theorem a : True", "targets": [1]}),
    "an answer to nothing": proofs({"code": CODE, "statement": "theorem a : True", "answers": {"b": "1"}}),
    "unknown environment": proofs({"code": CODE}, environment="lean3"),
    "unknown gate": proofs({"code": CODE}, gate="lax"),
    "a statement without a name": proofs({"code": CODE, "statement": "1 + 1 = 2"}),
    "a statement that is proved": proofs({"code": CODE, "statement": "theorem a : True := trivial"}),
    "a statement that ends in a string": proofs({"code": CODE, "statement": 'theorem a : s = "x'}),
    "deep nesting": b'{"proofs":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deep objects": b'{"proofs":[{"code":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"}]}",
    "two values": b'{"proofs":[]}{"proofs":[]}',
}


@pytest.fixture
def http(farm: RunningFarm) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=farm.url, timeout=30) as http:
        before = http.get("/v1/batches").json()
        yield http
        assert http.get("/v1/batches").json() == before, "a refused request must leave no batch"


def assert_refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text[:300]
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert set(error) <= {"code", "message", "details"}
    assert len(answer.content) < 10_000, "an answer must not echo a huge input"


@pytest.mark.parametrize("route", ["/v1/batches", "/v1/verify"])
@pytest.mark.parametrize("name", INVALID)
def test_invalid_bodies_are_422(http: httpx.Client, route: str, name: str) -> None:
    answer = http.post(route, content=INVALID[name], headers={"Content-Type": "application/json"})

    assert_refused(answer, 422, "invalid")


@pytest.mark.parametrize("route", ["/v1/batches", "/v1/verify"])
def test_a_body_over_32_mb_is_413(http: httpx.Client, route: str) -> None:
    body = proofs(*({"code": "x" * 900_000} for _ in range(38)))

    assert_refused(http.post(route, content=body, headers={"Content-Type": "application/json"}), 413, "too_large")


def test_a_body_over_32_mb_without_a_length_is_413(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 1_000_000

    answer = http.post("/v1/verify", content=chunks(), headers={"Content-Type": "application/json"})

    assert_refused(answer, 413, "too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_other_content_types_are_415(http: httpx.Client, kind: str) -> None:
    answer = http.post("/v1/batches", content=json.dumps(GOOD), headers={"Content-Type": kind})

    assert_refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "field", "most", "status"),
    [
        ("/v1/batches", "proofs", 100_000, 413),
        ("/v1/verify", "proofs", 1_000, 422),
        ("/api/check", "snippets", 100_000, 413),
        ("/verify", "codes", 100_000, 413),
    ],
)
def test_too_many_are_counted_and_not_read(http: httpx.Client, path: str, field: str, most: int, status: int) -> None:
    # Read one by one, they would be 422 for what they lack.
    answer = http.post(path, json={field: [{}] * (most + 1)})

    assert answer.status_code == status, answer.text
    assert f"at most {most}" in answer.text


@pytest.mark.parametrize(("path", "field"), [("/api/check", "snippets"), ("/verify", "codes")])
def test_a_body_of_faults_gets_a_short_answer(http: httpx.Client, path: str, field: str) -> None:
    answer = http.post(path, json={field: [0] * 1000})

    assert answer.status_code == 422
    assert [each["loc"] for each in answer.json()["detail"]] == [["body", field, index] for index in range(20)]


def test_more_proofs_than_verify_takes_are_422(http: httpx.Client) -> None:
    assert_refused(http.post("/v1/verify", json={"proofs": [{"code": CODE}] * 1001}), 422, "invalid")


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"not gzip", "gzip"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (gzip.compress(LINE, mtime=0)[:-1], "gzip"),
        (gzip.compress(LINE, mtime=0) + gzip.compress(LINE, mtime=0)[:-9], "gzip"),
        (gzip.compress(LINE, mtime=0) + LINE, "gzip"),
        (gzip.compress(LINE, mtime=0) + b"\n", "gzip"),
        (b"{}", "br"),
        (b"\n\n", "identity"),
    ],
)
def test_broken_ndjson_is_422(http: httpx.Client, content: bytes, encoding: str) -> None:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}

    assert_refused(http.post("/v1/batches", content=content, headers=headers), 422, "invalid")


def test_compressed_json_is_415(http: httpx.Client) -> None:
    body = gzip.compress(json.dumps({"proofs": [{"code": CODE}]}).encode())

    answer = http.post(
        "/v1/verify", content=body, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )

    assert_refused(answer, 415, "unsupported_media_type")
    assert "Only NDJSON may be compressed" in answer.text


@pytest.mark.parametrize("query", ["timeout_s=abc", "tiemout_s=5", "priority=99", "level=sure"])
def test_unknown_and_wrong_options_of_ndjson_are_422(http: httpx.Client, query: str) -> None:
    line = json.dumps({"code": CODE})

    answer = http.post(f"/v1/batches?{query}", content=line, headers={"Content-Type": "application/x-ndjson"})

    assert_refused(answer, 422, "invalid")


@pytest.mark.parametrize("path", ["/v1/batches", "/v1/verify", "/v1/commands", "/v1/tactics"])
def test_options_in_the_query_beside_json_are_422(http: httpx.Client, path: str) -> None:
    body = {"proofs": [{"code": CODE}], "requests": [{"cmd": CODE}], "goals": [], "rows": []}
    answer = http.post(f"{path}?timeout_s=5", json=body)

    assert_refused(answer, 422, "invalid")
    assert "timeout_s: with a JSON body, options are fields of the body" in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 404, "not_found"),
        (b"null", 404, "not_found"),
        (b'{"label":"again"}', 404, "not_found"),
        (b"[]", 422, "invalid"),
        (b"{", 422, "invalid"),
        (b'{"lable":"again"}', 422, "invalid"),
        (b'{"label":"\\ud800"}', 422, "invalid"),
        (b"[" * 100_000, 422, "invalid"),
    ],
    ids=["empty", "null", "fits", "list", "cut off", "unknown field", "lone surrogate", "deep"],
)
def test_a_rerun_may_have_a_body(http: httpx.Client, body: bytes, status: int, code: str) -> None:
    answer = http.post("/v1/batches/nope/rerun", content=body, headers={"Content-Type": "application/json"})

    assert_refused(answer, status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/batches/nope", 404, "not_found"),
        ("GET", "/v1/batches/nope/results", 404, "not_found"),
        ("DELETE", "/v1/batches/nope", 404, "not_found"),
        ("GET", "/v1/batches/nope/items/0", 404, "not_found"),
        ("GET", "/v1/batches/nope/items/x", 422, "invalid"),
        ("GET", "/v1/batches/nope/items", 404, "not_found"),
        ("GET", "/v1/batches/nope/items?after=-2", 422, "invalid"),
        ("GET", "/v1/batches/nope/items?limit=1001", 422, "invalid"),
        ("POST", "/v1/batches/nope/rerun", 404, "not_found"),
        ("GET", "/v1/batches?prefix=nope", 422, "invalid"),
        ("GET", "/v1/batches?tag=two%20words", 422, "invalid"),
        ("GET", "/v1/batches?label=two%0Alines", 422, "invalid"),
        ("GET", "/v1/batches?limit=0", 422, "invalid"),
        ("GET", "/v1/batches?limit=many", 422, "invalid"),
        ("GET", "/v1/batches/nope/results?after=yesterday", 422, "invalid"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("PUT", "/v1/batches", 405, "method_not_allowed"),
        ("GET", "/v1/verify", 405, "method_not_allowed"),
    ],
)
def test_wrong_addresses_keep_the_shape(http: httpx.Client, method: str, path: str, status: int, code: str) -> None:
    assert_refused(http.request(method, path), status, code)


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ('{"a":' * 5000, 422),
        ('{"statement":' * 600, 422),
        ('{"statement":' * 600 + "1" + "}" * 600, 422),
        ('{"statement":"\\ud800"}', 422),
        ('{"statement":"theorem a : True","answers":{"\\ud800":"x"}}', 422),
        ('{"statement":"theorem a : True","answers":[[[1],2]]}', 422),
    ],
    ids=["deep", "deep statements, cut off", "deep statements", "surrogate", "surrogate name", "odd pairs"],
)
def test_a_label_that_no_one_can_read_is_refused(http: httpx.Client, label: str, status: int) -> None:
    body = {"query": ["by rfl"], "prompts": [""], "labels": [label]}

    assert_refused(http.post("/v1/rewards/openrlhf?undecided=0", json=body), status, "invalid")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"state":"x"}',
        b'{"state":1,"k":1}',
        b'{"state":"x","k":"1"}',
        b'{"state":"x","k":1.5}',
        b'{"state":"x","k":true}',
        b'{"state":"x","k":1,"imported_modules":[1.5]}',
        b'{"state":"x","k":1,"imported_modules":"Init"}',
        b'{"state":"x","k":1,"local_premises":[null]}',
        b'{"state":"x","k":1,"new_premises":[{"name":"a"}]}',
        b'{"state":"x","k":1,"new_premises":7}',
        b'{"state":"\\ud800","k":1}',
    ],
)
def test_premise_queries_are_refused_in_the_compatible_shape(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/retrieve", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]
