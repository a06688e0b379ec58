"""Words that only a later farm uses: an answer that has one is read, and no verdict is guessed."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from farm.client import Farm, Outcome
from farm.errors import FarmError
from farm.models import Reason
from tests.unit.client.conftest import Driver
from tests.unit.client.scripted_farm import ScriptedFarm, answer, results, status_json, verdict_json

ALARM = {"kind": "later", "text": "a", "action": "b", "see": "#/"}
WORKER = {"id": "h:1", "kind": "later", "host": "h", "pid": 1}


@pytest.mark.parametrize(
    ("method", "body", "where"),
    [
        ("history", {"start": 0, "minutes": [None] * 60, "alarms": [ALARM]}, lambda found: (found.alarms[0], "kind")),
        ("workers", {"workers": [WORKER]}, lambda found: (found.workers[0], "kind")),
        ("batches", {"batches": [status_json(state="later")]}, lambda found: (found[0], "state")),
    ],
)
async def test_a_later_word_costs_no_answer(
    scripted: ScriptedFarm, driver: Driver, method: str, body: dict[str, Any], where: Any
) -> None:
    scripted.script(answer(body))
    model, name = where(await driver.call(method))
    word = getattr(model, name)
    assert (word, word.is_known, pickle.loads(pickle.dumps(word))) == ("later", False, "later")
    assert model.model_dump(mode="json")[name] == "later"


async def test_the_status_of_a_candidate_may_be_a_later_word(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"results": [{"id": "0", "candidates": [{"status": "later"}]}]}))
    found = await driver.call("tactics", [{"code": "example : 1 = 1 := sorry", "candidates": ["rfl"]}])
    assert found.results[0].candidates[0].status == "later"


def test_a_later_reason_leaves_the_outcome_to_the_farm(scripted: ScriptedFarm) -> None:
    told = {**verdict_json(0, Reason.CRASHED), "reason": "later"}
    scripted.script(results(told))
    with Farm(scripted.url) as farm:
        [found] = farm.verify(["by rfl"])
    assert (found.outcome, found.reason, found.reward) == (Outcome.UNDECIDED, "later", None)
    assert found.reason is not None
    with pytest.raises(ValueError, match="does not know the reason 'later'"):
        _ = found.reason.outcome


@pytest.mark.parametrize("name", ["outcome", "level"])
def test_a_later_outcome_or_level_is_not_guessed(scripted: ScriptedFarm, name: str) -> None:
    scripted.script(results({**verdict_json(0), name: "later"}))
    with Farm(scripted.url, retries=0) as farm, pytest.raises(FarmError):
        farm.verify(["by rfl"])
