"""An answer that is not about what was asked is never returned: the call is made again."""

from __future__ import annotations

from typing import Any

import pytest

from farm.errors import ConnectionFailed
from tests.unit.client.conftest import Connect, Driver, collected, settled
from tests.unit.client.scripted_farm import (
    _PREMISE,
    Scripted,
    ScriptedFarm,
    accepted,
    answer,
    checked,
    goals,
    item,
    line,
    premises,
    refuse,
    results,
    status_json,
    stream,
    verdict_json,
)

ONE, TWO = verdict_json(0), verdict_json(1)
NAMED = {"id": "mine", "code": "theorem a : True := trivial"}
GOAL = {"code": "theorem a : True := by sorry", "candidates": ["simp", "trivial"]}
COMMANDS = [{"cmd": "#check 1"}, {"cmd": "#check 2"}]

CALLS: list[tuple[str, tuple[Any, ...], Scripted, Scripted]] = [
    ("verify", ("x",), results(), results(ONE)),
    ("verify", ("x",), results(ONE, TWO), results(ONE)),
    ("verify", ("x",), results(TWO), results(ONE)),
    ("verify", (NAMED,), results(ONE), results(verdict_json(0, id="mine"))),
    ("verify", (["x", "y"],), results(TWO, ONE), results(ONE, TWO)),
    ("submit", (["x", "y"],), accepted(1), accepted(2)),
    ("check", (["x", "y"],), checked("1", "0"), checked("0", "1")),
    ("check", (["x", "y"],), checked("0"), checked("0", "1")),
    ("batches", (1,), answer({"batches": [status_json()] * 2}), answer({"batches": [status_json()]})),
    ("commands", (COMMANDS,), answer({"responses": [{}]}), answer({"responses": [{}, {}]})),
    ("commands", (COMMANDS,), answer({"responses": [{}] * 3, "reason": "timeout"}), answer({"responses": [{}, {}]})),
    ("tactics", ([GOAL],), goals(1), goals(2)),
    ("tactics", ([GOAL],), goals(2, 2), goals(2)),
    ("retrieve", ("⊢", 1), answer([_PREMISE] * 2), answer([_PREMISE])),
    ("retrieve_many", (["⊢", "⊢"], 2), premises(1), premises(2, 1)),
    ("retrieve_many", (["⊢"], 1), premises(2), premises(1)),
]


@pytest.mark.parametrize(("method", "arguments", "wrong", "right"), CALLS)
async def test_an_answer_about_something_else_is_asked_for_again(
    scripted: ScriptedFarm, driver: Driver, method: str, arguments: Any, wrong: Scripted, right: Scripted
) -> None:
    scripted.script(wrong, wrong, right)
    await driver.call(method, *arguments)
    assert len(driver.pauses) == 2
    assert "close" in scripted.asked[1].headers["connection"], "what brought another's answer may be one late for ever"


async def test_it_is_an_error_in_the_end(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(results(TWO), results(TWO))
    with pytest.raises(ConnectionFailed, match=r"does not belong to this call \(it is about something else\)"):
        await connect(retries=1).call("verify", "x")


async def test_a_session_that_did_not_end_has_fewer_answers(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"responses": [{"env": 0}], "reason": "timeout"}))
    assert len((await driver.call("commands", COMMANDS)).responses) == 1


async def test_another_batch_s_status_or_item_is_asked_for_again(scripted: ScriptedFarm, driver: Driver) -> None:
    batch = driver.farm.batch("b1")
    for ask, wrong, right in (
        (batch.status, answer(status_json("b2")), answer(status_json())),
        (batch.status, answer(status_json(total=4)), answer(status_json())),
        (batch.cancel, answer(status_json("b2")), answer(status_json())),
        (lambda: batch.item(2), item(3), item(2)),
    ):
        scripted.script(wrong, right)
        await settled(ask())
    assert len(driver.pauses) == 4


@pytest.mark.parametrize("other", [verdict_json(3), verdict_json(2, id="else"), verdict_json(-1)])
async def test_a_stream_is_read_again_from_before_a_verdict_of_another_batch(
    scripted: ScriptedFarm, driver: Driver, other: dict[str, Any]
) -> None:
    end = {"cursor": "9-0", "done": True}
    scripted.script(accepted(3), stream(line(1, 1), {"cursor": "2-0", "result": other}, end))
    scripted.script(stream(line(0, 2), line(2, 3), end))

    found = await collected(await driver.call("submit", ["x", "y", "z"]))

    assert [each.index for each in found] == [1, 0, 2]
    assert [asked.query.get("after") for asked in scripted.asked[1:]] == [None, "1-0"]


async def test_a_stream_that_ends_too_early_is_read_on(scripted: ScriptedFarm, driver: Driver) -> None:
    end = {"cursor": "9-0", "done": True}
    scripted.script(accepted(2), answer(status_json(total=2)), stream(line(1, 1), end), stream(line(0, 2), end))
    batch = await driver.call("submit", ["x", "y"])
    assert [each.index for each in await settled(batch.wait())] == [0, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        answer({"results": [ONE]}, Farm_Request="another's"),
        answer({"detail": "no"}, 422, Farm_Request="another's"),
        refuse(401, "unauthorized", Farm_Request="another's"),
    ],
)
async def test_an_answer_with_another_request_s_name_is_none(
    scripted: ScriptedFarm, driver: Driver, wrong: Scripted
) -> None:
    scripted.script(wrong, results(ONE))
    await driver.call("verify", "x")
    names = {asked.headers["farm-request"] for asked in scripted.asked}
    assert len(names) == 2, "each try has a name of its own"


async def test_a_stream_with_another_request_s_name_is_none(scripted: ScriptedFarm, driver: Driver) -> None:
    end = {"cursor": "9-0", "done": True}
    others = stream(line(7, 1), end)
    scripted.script(Scripted(200, others.chunks, {"Farm-Request": "another's"}), stream(line(0, 1), end))
    assert [each.index for each in await collected(driver.farm.batch("b1"))] == [0]
