"""What is tried again, how often, after which pause, and that nothing is submitted twice."""

from __future__ import annotations

import httpx
import pytest

from farm.client import AsyncFarm, Farm
from farm.client.calls import Call
from farm.client.failures import Failure
from farm.client.retries import Retries
from farm.errors import ConnectionFailed, FarmError, NotFound, RateLimited, Unavailable
from tests.unit.client.conftest import Connect, Driver
from tests.unit.client.scripted_farm import (
    LOST,
    Scripted,
    ScriptedFarm,
    accepted,
    answer,
    checked,
    refuse,
    results,
    verdict_json,
)

NOBODY = answer({"workers": []})
PASSING = [
    refuse(429, "rate_limited"),
    refuse(503, "unavailable"),
    Scripted(502, [b"<html>bad gateway</html>"]),
    LOST,
    Scripted(200, [b'{"work'], whole=False),
]


@pytest.mark.parametrize("failure", PASSING)
async def test_what_may_pass_is_tried_again(scripted: ScriptedFarm, driver: Driver, failure: Scripted) -> None:
    scripted.script(failure, failure, NOBODY)
    assert (await driver.call("workers")).workers == []
    first, second = driver.pauses
    assert 0.25 <= first <= 0.5 <= second <= 1.0


async def test_retry_after_is_waited_out(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(
        refuse(429, "rate_limited", Retry_After="7"), refuse(503, "unavailable", Retry_After="3"), LOST, NOBODY
    )
    await driver.call("workers")
    assert 7.0 < driver.pauses[0] <= 7.5, "not to the second: all clients may have been told the same"
    assert 3.0 < driver.pauses[1] <= 4.0
    assert driver.pauses[2] <= 2.0


async def test_a_date_in_retry_after_leaves_the_pause_to_us(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(refuse(503, "unavailable", Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), NOBODY)
    await driver.call("workers")
    assert driver.pauses[0] <= 0.5


async def test_a_farm_that_is_closed_for_long_is_not_waited_for(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(refuse(429, "rate_limited", Retry_After="3600"))
    with pytest.raises(RateLimited) as caught:
        await driver.call("workers")
    assert caught.value.retry_after_s == 3600
    assert driver.pauses == []


async def test_tries_are_bounded(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(*[refuse(503, "unavailable", "Redis does not answer")] * 4)
    driver = connect(retries=2)
    with pytest.raises(Unavailable, match="Redis does not answer"):
        await driver.call("workers")
    assert len(scripted.asked) == 3
    assert len(driver.pauses) == 2


async def test_no_retries_means_one_try(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(LOST)
    with pytest.raises(ConnectionFailed):
        await connect(retries=0).call("workers")
    assert len(scripted.asked) == 1


async def test_what_will_not_pass_is_not_tried_again(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(refuse(404, "not_found"), NOBODY)
    with pytest.raises(NotFound):
        await driver.call("workers")
    assert len(scripted.asked) == 1


async def test_a_submit_is_the_same_submit_however_often_it_is_sent(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(LOST, refuse(503, "unavailable"), refuse(429, "rate_limited"), accepted(), accepted())
    assert (await driver.call("submit", "example : True := trivial")).id == "b1"
    await driver.call("submit", "example : True := trivial")
    keys = [asked.headers["idempotency-key"] for asked in scripted.asked]
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]
    assert len({asked.body for asked in scripted.asked}) == 1


async def test_verify_survives_a_farm_that_restarts(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(LOST, results(verdict_json(0)))
    assert len(await driver.call("verify", "example : True := trivial")) == 1


def silent_first(seen: list[httpx.Request]) -> httpx.MockTransport:
    """A transport whose first answer does not come in time; httpx's own timeouts would make the tests wait."""

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            raise httpx.ReadTimeout("timed out", request=request)
        return httpx.Response(200, json={"workers": []})

    return httpx.MockTransport(handle)


async def test_a_question_that_got_no_answer_in_time_is_asked_again(connect: Connect) -> None:
    seen: list[httpx.Request] = []
    await connect(transport=silent_first(seen)).call("workers")
    assert len(seen) == 2


async def test_work_that_got_no_answer_in_time_is_not_repeated(connect: Connect) -> None:
    seen: list[httpx.Request] = []
    with pytest.raises(ConnectionFailed, match=r"did not answer within 70 s\. It was not repeated.*`submit`"):
        await connect(transport=silent_first(seen)).call("verify", "example : True := trivial", deadline_s=10)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("method", "asked", "found"),
    [
        ("retrieve", "⊢ True", answer([{"score": 0.5, "name": "a"}])),
        ("check", "example : True := trivial", checked("0")),
    ],
)
async def test_a_500_that_names_a_pause_may_pass(
    scripted: ScriptedFarm, driver: Driver, method: str, asked: str, found: Scripted
) -> None:
    scripted.script(answer({"detail": "Redis does not answer"}, 500, Retry_After="1"), found)
    assert len(await driver.call(method, asked)) == 1
    assert 1.0 < driver.pauses[0] <= 1.5


async def test_a_500_that_names_none_does_not_pass(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"detail": "a bug"}, 500), answer([]))
    with pytest.raises(FarmError, match="a bug"):
        await driver.call("retrieve", "⊢ True")
    assert len(scripted.asked) == 1


async def test_a_gateway_that_gave_up_on_work_is_not_asked_again(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(Scripted(504, [b"gateway timeout"]))
    with pytest.raises(Unavailable):
        await driver.call("verify", "example : True := trivial")
    assert len(scripted.asked) == 1


def test_pauses_grow_to_a_bound_and_start_again_after_progress() -> None:
    retries = Retries(20)
    lost = Failure(ConnectionFailed("lost"), retryable=True)
    pauses = [retries.pause(lost).seconds for _ in range(10)]
    assert all(0.25 * 2**n <= pause <= 0.5 * 2**n for n, pause in enumerate(pauses[:5]))
    assert all(5.0 <= pause <= 10.0 for pause in pauses[5:])
    retries.reset()
    assert retries.pause(lost).seconds <= 0.5


@pytest.mark.parametrize("shell", [Farm, AsyncFarm])
def test_calls_wait_for_a_free_connection_as_long_as_it_takes(shell: type[Farm] | type[AsyncFarm]) -> None:
    farm = shell("http://127.0.0.1:9", timeout=20.0)
    call = farm._core.workers().send(None)
    assert isinstance(call, Call)
    with httpx.Client(base_url="http://127.0.0.1:9") as client:
        timeout = call.request(client).extensions["timeout"]
    assert timeout == {"connect": 10.0, "read": 20.0, "write": 20.0, "pool": None}
