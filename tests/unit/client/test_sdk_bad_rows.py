"""Texts that cannot be sent to Lean, among others that can: each costs only its own verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from farm.client.rows import BadRow
from farm.errors import InvalidRequest
from farm.models import Outcome, Proof, Reason, Verdict, verdict
from tests.unit.client.conftest import Driver
from tests.unit.client.scripted_farm import ScriptedFarm, answer, status_json, stream

SOURCE = "theorem two : 1 + 1 = 2 := rfl"


def script_batch(scripted: ScriptedFarm, *ids: str) -> None:
    """Have the farm accept a batch of these proofs, and every one of them."""
    scripted.script(answer({"batch_id": "a", "total": len(ids), "links": {}}, 202))
    lines = [
        {"cursor": f"{index}-1", "result": verdict(name, index, reason=None).dump()} for index, name in enumerate(ids)
    ]
    scripted.script(stream(*lines, {"cursor": "9-0", "done": True}))
    status = {**status_json("a", state="done"), "total": len(ids)}
    scripted.script(answer({**status, "options": {"timeout_s": 60.0, "level": "compiled"}}))


@pytest.mark.parametrize(
    ("bad", "name", "says"),
    [
        ("", "1", "the text is empty"),
        (" \n", "1", "the text is empty"),
        (None, "1", "the text is empty"),
        ({"id": "b", "code": None}, "b", "the text is empty"),
        ({"id": "b", "code": "", "statement": "theorem two : 1 + 1 = 2", "problem": "p"}, "b", "the text is empty"),
        (Proof(id="b", code="\n"), "b", "the text is empty"),
        ("a\x00", "1", "NUL characters are not allowed"),
        ({"id": "b", "code": "\ud800"}, "b", "code:"),
        ("x" * 1_000_001, "1", "at most 1000000 characters"),
        ({"id": "b", "code": ["a"]}, "b", "should be a valid string"),
    ],
)
async def test_a_bad_row_costs_that_row(scripted: ScriptedFarm, driver: Driver, bad: Any, name: str, says: str) -> None:
    script_batch(scripted, "0", "2")
    streamed: list[Verdict] = []

    run = await driver.call("verify_many", [SOURCE, bad, SOURCE], on_verdict=streamed.append)

    assert [each.outcome for each in run] == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ACCEPTED]
    assert (run[1].id, run[1].index, run[1].reason, run[1].reward) == (name, 1, Reason.ERROR, 0.0)
    assert says in run[1].messages[0].data
    assert sorted(each.index for each in streamed) == [0, 1, 2]
    assert [proof["code"] for proof in json.loads(scripted.asked[0].body)["proofs"]] == [SOURCE, SOURCE]
    assert [each.id for each in run.manifest.proofs] == ["0", name, "2"]
    assert len({each.sha256 for each in run.manifest.proofs}) == 2, "what was the same is known as the same"


async def test_nothing_is_sent_where_all_rows_are_empty(scripted: ScriptedFarm, driver: Driver) -> None:
    run = await driver.call("verify_many", ["", None])

    assert run.rewards() == [0.0, 0.0]
    assert scripted.asked == []


async def test_an_empty_text_that_is_known_keeps_its_verdict(driver: Driver) -> None:
    first = await driver.call("verify_many", [""])
    streamed: list[Verdict] = []
    known = {("0", first.manifest.proofs[0].sha256): first[0]}

    again = await driver.call("verify_many", [""], known=known, on_verdict=streamed.append)

    assert (again[0], streamed) == (first[0], [])


async def test_a_row_that_a_later_call_can_read_is_sent(scripted: ScriptedFarm, driver: Driver) -> None:
    first = await driver.call("verify_many", [BadRow("a", "there is no column `answer`", code=SOURCE)])
    known = {("a", first.manifest.proofs[0].sha256): first[0]}
    script_batch(scripted, "a")

    again = await driver.call("verify_many", [{"id": "a", "code": SOURCE}], known=known)

    assert first[0].outcome is Outcome.REJECTED
    assert (again[0].outcome, again.manifest.known) == (Outcome.ACCEPTED, 0)


@pytest.mark.parametrize("wrong", [{"kode": SOURCE}, {"code": SOURCE, "statment": "x"}, {"code": SOURCE, "id": 5}, 5])
async def test_what_would_be_wrong_with_every_row_raises(driver: Driver, wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="Proof 1"):
        await driver.call("verify_many", ["", wrong])
