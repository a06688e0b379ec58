"""The farm's premise routes against a brute-force reference; the checks that need no lean-premise-server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.compat.cases import INVALID, Body, cases
from tests.compat.comparison import assert_same, ranking
from tests.compat.corpus import data_set
from tests.compat.reference import MAX_NEW_PREMISES, Reference

CASES = cases(data_set())
REFERENCE = Reference(data_set())


@pytest.mark.parametrize("name", CASES)
def test_answers_are_the_reference_s(ours: httpx.Client, name: str) -> None:
    answer = ours.post("/retrieve", json=CASES[name])

    assert answer.status_code == 200, answer.text[:300]
    assert_same(ranking(answer.json()), REFERENCE.answer(CASES[name]))


def test_concurrent_answers_are_the_reference_s(ours: httpx.Client) -> None:
    """Queries that wait together share searches; a neighbour's k, access or new premises must not leak into another."""
    bodies = [body for body in CASES.values() if body.get("new_premises") is None or len(body["new_premises"]) < 100]

    def ask(body: Body) -> httpx.Response:
        return ours.post("/retrieve", json=body)

    with ThreadPoolExecutor(16) as pool:
        for body, answer in zip(bodies, pool.map(ask, bodies), strict=True):
            assert_same(ranking(answer.json()), REFERENCE.answer(body))


@pytest.mark.parametrize("name", INVALID)
def test_bad_bodies_are_refused_and_say_why(ours: httpx.Client, name: str) -> None:
    answer = ours.post("/retrieve", content=INVALID[name], headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json().keys() == {"detail"}
    assert answer.json()["detail"]


def test_lists_are_those_of_the_data_set(ours: httpx.Client) -> None:
    assert ours.get("/indexed-modules").json() == data_set().modules
    assert ours.get("/indexed-premises").json() == [each.name for each in data_set().declared]
    assert ours.get("/max-new-premises").json() == MAX_NEW_PREMISES
