"""Faults of an embedding service, end to end: a retrieval is right, or fails with an error that says what to do."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.conftest import lean_settings
from tests.support.open_store import OpenStore
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm
from tests.support.tei import CLOSE, ENDLESS, GARBAGE, HOLD, HUGE, NAN, RAGGED, TOO_FEW, TOO_SHORT, Fault, Tei

GOAL = "a b : Nat\n⊢ a + b = b + a"


@pytest.fixture(scope="module")
def more_settings() -> dict[str, str]:
    return {"EMBED_SERVICE_TIMEOUT": "1"}


def ask(farm: RunningFarm, goal: str = GOAL, *new: str) -> httpx.Response:
    premises = [{"name": f"My.{at}", "decl": decl} for at, decl in enumerate(new)]
    body: dict[str, Any] = {"state": goal, "k": 5, "new_premises": premises}
    return httpx.post(f"{farm.url}/retrieve", json=body, timeout=60)


@pytest.mark.parametrize("fault", [429, 503, 502, CLOSE])
def test_what_passes_costs_nothing(farm: RunningFarm, tei: Tei, fault: Fault) -> None:
    expected = ask(farm).json()
    tei.then(fault, fault)
    answer = ask(farm)
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (413, "shorten it"),
        (422, "shorten it"),
        (424, "its log says why"),
        (401, "EMBED_API_KEY"),
        (429, "overloaded"),
        (503, "not ready"),
        (418, "HTTP 418"),
        (CLOSE, "cannot be reached"),
        (HOLD, "EMBED_SERVICE_TIMEOUT"),
        (ENDLESS, "EMBED_SERVICE_TIMEOUT"),
        (GARBAGE, "not JSON"),
        (TOO_FEW, "for 1 inputs"),
        (TOO_SHORT, "not of 8"),
        (NAN, "not finite"),
        (HUGE, "not finite"),
    ],
)
def test_what_stays_is_an_error_that_says_so_and_ends_with_its_cause(
    farm: RunningFarm, store: OpenStore, tei: Tei, fault: Fault, words: str
) -> None:
    expected = ask(farm).json()
    tei.always = fault
    try:
        answer = ask(farm)
    finally:
        tei.always = None

    assert answer.status_code == 500
    assert words in answer.json()["detail"]
    assert not [key for name in ("retrieval:*", "flights", "load") for key in store.keys(f"farm:{name}")]
    assert ask(farm).json() == expected


@pytest.mark.parametrize("fault", [TOO_FEW, TOO_SHORT, RAGGED, NAN, 424])
def test_one_that_is_answered_wrongly_does_not_harm_those_beside_it(farm: RunningFarm, tei: Tei, fault: Fault) -> None:
    """Half of the calls are spoilt; who is not refused has the right answer."""
    goals = [f"⊢ {fault} {at}" for at in range(12)]
    expected = [ask(farm, goal).json() for goal in goals]
    tei.then(*[fault, None] * 4)

    with ThreadPoolExecutor(len(goals)) as pool:
        answers = list(pool.map(lambda goal: ask(farm, goal), goals))
    # What was not called for does not wait for the next test.
    tei.then_nothing()

    right = [answer.json() == wanted for answer, wanted in zip(answers, expected, strict=True)]
    assert all(is_right or answer.status_code == 500 for is_right, answer in zip(right, answers, strict=True))
    assert sum(right) >= len(goals) // 2


@pytest.mark.parametrize("status", [413, 422])
def test_a_call_with_too_many_inputs_is_divided_and_a_bad_input_is_named(
    farm: RunningFarm, tei: Tei, status: int
) -> None:
    decls = [f"theorem {status} {at}" for at in range(40)]
    tei.too_many_status = tei.bad_status = status
    tei.max_client_batch_size, tei.bad_inputs = 3, {"bad"}
    try:
        answer = ask(farm, GOAL, *decls)
        refused = ask(farm, GOAL, *decls[:7], "bad", *decls[7:])
    finally:
        tei.max_client_batch_size, tei.bad_inputs = 32, set()

    assert answer.status_code == 200
    assert len(answer.json()) == 5
    assert refused.status_code == 500
    assert refused.json()["detail"].startswith("new_premises[7]: ")


def embed_pid(farm: RunningFarm) -> int:
    [worker] = farm.workers("embed")
    return int(worker["pid"])


def kill_with_query_in_hand(farm: RunningFarm, tei: Tei) -> None:
    await_true(lambda: tei.calls, "the embed worker has the query")
    pid = embed_pid(farm)
    os.kill(pid, signal.SIGKILL)
    tei.calls.clear()
    await_true(lambda: [w for w in farm.workers("embed") if w["pid"] != pid], "its successor")


def test_a_worker_killed_with_a_query_in_its_hands_hands_it_to_its_successor(farm: RunningFarm, tei: Tei) -> None:
    expected = ask(farm).json()
    tei.calls.clear()
    tei.then(HOLD)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, farm)
        kill_with_query_in_hand(farm, tei)
        answer = waiting.result()
    # Lost, it would be refused after 30 s.
    assert (answer.status_code, answer.json()) == (200, expected)


def test_with_two_of_three_dead_it_still_serves(
    tmp_path_factory: pytest.TempPathFactory, scripted: Install, tei: Tei, farm: RunningFarm
) -> None:
    expected = [ask(farm, f"⊢ {at}").json() for at in range(20)]
    with ExitStack() as alive:
        second, third = (alive.enter_context(Tei()) for _ in range(2))
        settings = {**lean_settings(scripted), "LEAN_WORKERS": "1", "EMBED_SERVICE_TIMEOUT": "4"}
        urls = f"{tei.url} {second.url},{third.url}"
        three = alive.enter_context(running_farm(tmp_path_factory.mktemp("three"), EMBED_SERVICE_URL=urls, **settings))
        await_true(lambda: ask(three).status_code == 200, "the first answer")
        second.always, third.always = CLOSE, HOLD
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda at: ask(three, f"⊢ {at}"), range(20)))

    assert [answer.status_code for answer in answers] == [200] * 20
    assert [answer.json() for answer in answers] == expected
    assert second.calls
    assert third.calls
