"""The farm beside lean-premise-server itself, over HTTP on the same data set and the same embedding service.

If the peer's answer depends on chance or is wrong, a test here says so.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.compat.cases import INVALID, body, cases, new
from tests.compat.comparison import assert_same_but_last_ties, ranking
from tests.compat.corpus import data_set
from tests.compat.reference import Reference
from tests.support.tei import Tei

CASES = cases(data_set())
REFERENCE = Reference(data_set())
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("route", ["/indexed-modules", "/indexed-premises", "/max-new-premises"])
def test_lists_are_equal_to_the_byte(ours: httpx.Client, theirs: httpx.Client, route: str) -> None:
    mine, yours = ours.get(route), theirs.get(route)

    assert mine.status_code == yours.status_code == 200
    assert mine.content == yours.content
    assert mine.headers["content-type"] == yours.headers["content-type"]


@pytest.mark.parametrize("name", CASES)
def test_answers_are_the_same(ours: httpx.Client, theirs: httpx.Client, name: str) -> None:
    """Who ties with the last one and is taken all the same changes there with Python's hash seed.

    FAISS reads an `IDSelectorArray` in its own order, and the peer fills it from a set of strings. The order of those
    that are taken does not change: score, then the larger position.
    """
    mine, yours = (server.post("/retrieve", json=CASES[name]) for server in (ours, theirs))

    assert (mine.status_code, yours.status_code) == (200, 200)
    assert mine.headers["content-type"] == yours.headers["content-type"]
    assert_same_but_last_ties(ranking(mine.json()), ranking(yours.json()), REFERENCE.whole(CASES[name]))


@pytest.mark.parametrize("name", INVALID)
def test_both_refuse_alike(ours: httpx.Client, theirs: httpx.Client, name: str) -> None:
    """The peer's detail is a list of findings; the farm's is one too, or a sentence when the body is no object."""
    mine, yours = (server.post("/retrieve", content=INVALID[name], headers=JSON) for server in (ours, theirs))

    assert (mine.status_code, yours.status_code) == (422, 422), (mine.text[:300], yours.text[:300])
    assert mine.json().keys() == yours.json().keys() == {"detail"}
    fields = {_field(each) for each in yours.json()["detail"]}
    if isinstance(mine.json()["detail"], list):
        assert {_field(each) for each in mine.json()["detail"]} <= fields


def _field(finding: dict[str, Any]) -> Any:
    return finding["loc"][:2][-1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("k", "5"),
        ("k", 5.0),
        ("k", True),
        ("k", 10**30),
        ("imported_modules", [2.0]),
        ("imported_modules", [True]),
        ("caller_in_module_system", "yes"),
        ("caller_in_module_system", 1),
    ],
)
def test_the_peer_converts_what_the_farm_refuses(
    ours: httpx.Client, theirs: httpx.Client, field: str, value: Any
) -> None:
    """Pydantic's conversions there; JSON's types here. The Lean client sends none of these."""
    sent = body(k=5) | {field: value}

    assert theirs.post("/retrieve", json=sent).status_code == 200
    assert ours.post("/retrieve", json=sent).status_code == 422


def test_bytes_that_are_not_utf_8(ours: httpx.Client, theirs: httpx.Client) -> None:
    """The peer answers 400 for these alone; the farm 422 as for all that is not JSON."""
    mine, yours = (
        server.post("/retrieve", content=b'{"state":"\xff","k":1}', headers=JSON) for server in (ours, theirs)
    )

    assert (mine.status_code, yours.status_code) == (422, 400)
    assert mine.json().keys() == yours.json().keys() == {"detail"}


def test_a_lone_surrogate(ours: httpx.Client, theirs: httpx.Client) -> None:
    """The peer accepts it, fails to say that it is none (500, no JSON) and closes the connection."""
    sent = b'{"state":"\\ud800","k":1}'
    yours = httpx.post(theirs.base_url.join("/retrieve"), content=sent, headers=JSON, trust_env=False)
    mine = ours.post("/retrieve", content=sent, headers=JSON)

    assert (mine.status_code, yours.status_code) == (422, 500)
    assert mine.json().keys() == {"detail"}
    assert yours.text == "Internal Server Error"


def test_an_embedding_service_that_fails(ours: httpx.Client, theirs: httpx.Client, tei: Tei) -> None:
    tei.bad_inputs.update({"bad state", "bad premise"})
    for sent in (body("bad state"), body(new_premises=new("My.x", "My.y", decl="bad premise"))):
        mine, yours = (server.post("/retrieve", json=sent) for server in (ours, theirs))

        assert (mine.status_code, yours.status_code) == (500, 500)
        assert isinstance(mine.json()["detail"], str)
        assert isinstance(yours.json()["detail"], str)


def test_routes_that_are_not_there(ours: httpx.Client, theirs: httpx.Client) -> None:
    for method, path in (("GET", "/retrieve"), ("POST", "/indexed-modules"), ("GET", "/indexed-premises/0")):
        mine, yours = (server.request(method, path) for server in (ours, theirs))

        assert mine.status_code == yours.status_code


def test_a_body_as_curl_sends_it(ours: httpx.Client, theirs: httpx.Client) -> None:
    """LeanHammer pipes the body into curl with `Content-Type: application/json`."""
    sent = json.dumps(CASES["b"], ensure_ascii=False, indent=1).encode()
    headers = {"content-type": "application/json", "accept": "*/*", "user-agent": "curl/8.5.0", "expect": ""}
    mine, yours = (server.post("/retrieve", content=sent, headers=headers) for server in (ours, theirs))

    assert_same_but_last_ties(ranking(mine.json()), ranking(yours.json()), REFERENCE.whole(CASES["b"]))
