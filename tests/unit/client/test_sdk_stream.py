"""Results as they finish: nothing twice, nothing lost, whatever happens to the connection."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.client.stream import Following, Gathering
from farm.errors import ConnectionFailed, FarmError, InvalidRequest, Unavailable
from farm.models import Reason, verdict
from tests.unit.client.conftest import Connect, Driver, collected, settled
from tests.unit.client.scripted_farm import LOST, ScriptedFarm, answer, line, refuse, status_json, stream

HEARTBEAT = {"cursor": "2-0", "heartbeat": True}
END = {"cursor": "3-0", "done": True}


def cursors(scripted: ScriptedFarm) -> list[str | None]:
    return [asked.query.get("after") for asked in scripted.asked if asked.path.endswith("/results")]


async def test_verdicts_come_in_the_order_they_finish(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(stream(line(2, 1), line(0, 2), HEARTBEAT, line(1, 3), END))
    batch = driver.farm.batch("b1")
    assert [each.index for each in await collected(batch)] == [2, 0, 1]
    assert batch.cursor == "3-0"
    [asked] = scripted.asked
    assert asked.path == "/v1/batches/b1/results"
    assert asked.headers["accept"] == "application/x-ndjson"
    assert asked.query == {}


async def test_a_stream_goes_on_where_it_broke(scripted: ScriptedFarm, driver: Driver) -> None:
    half_a_line = json.dumps(line(1, 3)).encode()[:40]
    scripted.script(
        LOST,
        stream(line(2, 1), line(0, 2), whole=False, tail=half_a_line),
        refuse(503, "unavailable", Retry_After="1"),
        stream(HEARTBEAT, whole=True),
        stream(line(1, 3), whole=False),
        stream(END),
    )
    assert [each.index for each in await collected(driver.farm.batch("b1").results())] == [2, 0, 1]
    assert cursors(scripted) == [None, None, "2-0", "2-0", "2-0", "3-0"]
    assert len(driver.pauses) == 5


async def test_reading_starts_where_the_caller_says(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(stream(line(1, 3), END))
    assert len(await collected(driver.farm.batch("b1").results(after="2-0"))) == 1
    assert cursors(scripted) == ["2-0"]


async def test_the_cursor_stands_after_the_last_verdict_given(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(stream(line(2, 1), line(0, 2), END))
    batch = driver.farm.batch("b1")
    verdicts = batch.results()
    first = await anext(verdicts) if hasattr(verdicts, "__anext__") else next(verdicts)
    assert (first.index, batch.cursor) == (2, "1-0")
    await settled(verdicts.aclose() if hasattr(verdicts, "aclose") else verdicts.close())


async def test_tries_are_counted_anew_from_every_line(scripted: ScriptedFarm, connect: Connect) -> None:
    driver = connect(retries=1)
    broken = [stream(line(index, index + 1), whole=False) for index in range(3)]
    scripted.script(*broken, stream(HEARTBEAT, whole=False), stream(END))
    assert len(await collected(driver.farm.batch("b1"))) == 3
    assert all(pause <= 0.5 for pause in driver.pauses)


async def test_tries_without_a_line_are_bounded(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(*[stream()] * 3)
    with pytest.raises(ConnectionFailed, match="keeps ending the results before their last line"):
        await collected(connect(retries=2).farm.batch("b1"))
    assert len(scripted.asked) == 3


async def test_a_farm_that_stays_away_is_given_up(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(stream(line(0, 1), whole=False), *[refuse(503, "unavailable", "Redis is away")] * 2)
    with pytest.raises(Unavailable, match="Redis is away"):
        await collected(connect(retries=1).farm.batch("b1"))


async def test_a_cursor_the_farm_does_not_know_is_refused(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(refuse(422, "invalid", "`after` is no cursor"))
    with pytest.raises(InvalidRequest, match="`after` is no cursor"):
        await collected(driver.farm.batch("b1").results(after="x"))


@pytest.mark.parametrize("strange", [{"result": {}}, {"cursor": 1}, {"cursor": "1", "result": {"id": "x"}}])
async def test_a_line_of_something_else_is_an_error(
    scripted: ScriptedFarm, driver: Driver, strange: dict[str, object]
) -> None:
    scripted.script(stream(strange))
    with pytest.raises(FarmError, match="not as a farm of this version"):
        await collected(driver.farm.batch("b1"))


async def test_a_verdict_that_was_written_again_comes_once(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(stream(line(0, 1), line(1, 2), whole=False), stream(line(1, 7), line(2, 8), END))
    assert [each.index for each in await collected(driver.farm.batch("b1"))] == [0, 1, 2]


async def test_wait_gives_all_in_order_and_reports_progress(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer(status_json(total=3)), stream(line(2, 1), line(0, 2), whole=False), stream(line(1, 3), END))
    seen: list[tuple[int, int]] = []
    verdicts = await settled(driver.farm.batch("b1").wait(lambda done, total: seen.append((done, total))))
    assert [each.index for each in verdicts] == [0, 1, 2]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_fewer_verdicts_than_proofs_are_an_error() -> None:
    gathering = Gathering(2, None)
    gathering.add(verdict("0", 0, reason=Reason.SORRY))
    with pytest.raises(FarmError, match="ended a batch of 2 after 1 verdicts"):
        gathering.in_order()


@given(cuts=st.lists(st.integers(min_value=0, max_value=4000)), newline=st.booleans())
def test_lines_are_the_same_however_they_are_cut(cuts: list[int], newline: bool) -> None:
    # Separators that other line splitters know, all legal inside a JSON text.
    odd = verdict("a\u2028b\x85c\u2029d", 0, reason=None).dump()
    lines = [{"cursor": "1-0", "result": odd}, HEARTBEAT, line(1, 2), END]
    body = b"\n\n".join(json.dumps(each, ensure_ascii=False).encode() for each in lines) + b"\n" * (1 + newline)
    places = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
    following = Following("b1", None, farm="http://farm", retries=0)
    chunks = [body[start:end] for start, end in pairwise(places)]
    found = [each for chunk in chunks for each in following.feed(chunk)]
    assert [each.id for each in found] == ["a\u2028b\x85c\u2029d", "1"]
    assert following.done
    assert following.cursor == "3-0"
