"""`POST /v1/tactics` against a whole farm: tactic sequences tried on goals, by a script that is not Lean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.running import RunningFarm, running_farm

CONJUNCTION = "theorem both (p q : Prop) (hp : p) (hq : q) : p ∧ q"


def post(farm: RunningFarm, goals: list[dict[str, Any]], **more: Any) -> httpx.Response:
    return httpx.post(f"{farm.url}/v1/tactics", json={"goals": goals, **more}, timeout=90)


def tried(farm: RunningFarm, goal: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = post(farm, [goal], **more)
    assert answer.status_code == 200, answer.text
    [result] = answer.json()["results"]
    candidates: list[dict[str, Any]] = result["candidates"]
    return candidates


def test_each_sequence_has_its_own_answer_in_request_order(farm: RunningFarm) -> None:
    candidates: list[Any] = [
        ["constructor", "exact hp", "exact hq"],
        ["constructor", "exact hp"],
        "no_such_tactic",
        ["constructor", "no_such_tactic", "exact hq"],
        ["constructor", "sorry", "exact hq"],
        ["constructor", "exact hp", "exact hq", "rfl"],
    ]
    answer = post(farm, [{"id": "g", "statement": CONJUNCTION, "candidates": candidates}]).json()
    [result] = answer["results"]
    assert result["id"] == "g"
    assert result["goal"].endswith("⊢ p ∧ q")
    assert answer["reason"] is None
    got = [(each["status"], each["failed_at"]) for each in result["candidates"]]
    assert got == [("proved", None), ("open", None), ("error", 0), ("error", 1), ("sorry", None), ("error", 3)]
    assert [len(each["goals"]) for each in result["candidates"]] == [0, 1, 0, 0, 0, 0]
    assert "no goals" in result["candidates"][5]["error"]


def test_many_goals_are_answered_in_order_and_apart(farm: RunningFarm) -> None:
    goals = [
        {"code": f"theorem t{n} : {n} + 1 = {n + 1 + n % 2} := by sorry", "candidates": ["decide", "skip"] * 5}
        for n in range(20)
    ]
    results = post(farm, goals).json()["results"]
    assert [result["id"] for result in results] == [str(n) for n in range(20)]
    for n, result in enumerate(results):
        first = "error" if n % 2 else "proved"
        assert [each["status"] for each in result["candidates"]] == [first, "open"] * 5, n


def test_beginnings_that_sequences_share_run_once_per_process(tmp_path: Path) -> None:
    log = tmp_path / "repl.log"
    repl = install(tmp_path / "repl", SCRIPTED_LOG=str(log))
    settings = {**lean_settings(repl), "LEAN_WORKERS": "1", "SANDBOX": "off"}
    sequences = [["constructor", "exact hp", f"have h{n} : p := hp", "exact hq"] for n in range(40)]
    with running_farm(tmp_path / "own", **settings) as farm:
        got = tried(farm, {"statement": CONJUNCTION, "candidates": sequences})
        assert [each["status"] for each in got] == ["proved"] * 40
        again = tried(farm, {"statement": CONJUNCTION, "candidates": sequences})
        assert [each["status"] for each in again] == ["proved"] * 40
    said = log.read_text()
    assert said.count('"tactic": "constructor"') == 1
    assert said.count('"tactic": "exact hp"') == 1
    assert said.count('"tactic": "exact hq"') == 40


def test_an_endless_tactic_costs_its_own_sequences_alone(farm: RunningFarm) -> None:
    candidates = [
        ["constructor", "exact hp", "exact hq"],
        ["constructor", "skip -- hang!", "exact hp"],
        ["constructor", "skip -- hang!", "exact hq"],
        ["constructor", "trivial", "trivial"],
    ]
    got = tried(farm, {"statement": CONJUNCTION, "candidates": candidates}, timeout_s=1)
    assert [each["status"] for each in got] == ["proved", "timeout", "timeout", "proved"]
    assert got[1]["failed_at"] == 1
    assert "within 1 s" in got[1]["error"]


def test_a_tactic_that_kills_lean_costs_its_own_sequences_alone(farm: RunningFarm) -> None:
    candidates = [["constructor", "skip -- crash!"], ["constructor", "trivial", "trivial"], ["skip -- segv!"]]
    got = tried(farm, {"statement": CONJUNCTION, "candidates": candidates})
    assert [each["status"] for each in got] == ["crashed", "proved", "crashed"]


def test_a_tactic_that_forges_a_reply_is_not_believed(farm: RunningFarm) -> None:
    forged = "no_such_tactic -- forge!"
    answer = post(farm, [{"statement": CONJUNCTION, "candidates": [forged]}]).json()
    [result] = answer["results"]
    assert result["candidates"][0]["status"] in ("crashed", "error")
    assert "proved" not in str(answer)


def test_a_text_without_a_goal_says_why(farm: RunningFarm) -> None:
    goals = [
        {"code": "theorem done : 1 = 1 := rfl", "candidates": ["rfl"]},
        {"code": "import No.Such.Module\ntheorem t : 1 = 1 := by sorry", "candidates": ["rfl"]},
        {"statement": "theorem t : 1 = 1", "candidates": ["rfl"]},
    ]
    first, second, third = post(farm, goals).json()["results"]
    assert first["goal"] is None
    assert first["error"] == "The text has no sorry, so there is no goal"
    assert first["candidates"][0]["status"] == "error"
    assert "No.Such.Module" in second["error"] or "header" in second["error"]
    assert third["candidates"][0]["status"] == "proved"


@pytest.mark.parametrize(
    ("goals", "said"),
    [
        ([], "goals"),
        ([{"candidates": ["rfl"]}], "a goal is given by"),
        ([{"code": "x", "statement": "theorem t : True", "candidates": ["rfl"]}], "a goal is given by"),
        ([{"code": "x", "candidates": []}], "candidates"),
        ([{"code": "x", "candidates": [[]]}], "candidates"),
        ([{"code": "x", "candidates": [["rfl", 1]]}], "candidates"),
        ([{"code": "x", "candidates": ["a\x00"]}], "NUL"),
        ([{"statement": "lemma", "candidates": ["rfl"]}], "a statement reads"),
        ([{"id": "a", "code": "x", "candidates": ["rfl"]}] * 2, "same id"),
        ([{"code": "x", "candidates": ["rfl"] * 10_001}], "at most 10000"),
    ],
)
def test_what_a_search_may_not_ask_is_refused(farm: RunningFarm, goals: list[dict[str, Any]], said: str) -> None:
    answer = post(farm, goals)
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]


def test_a_farm_without_lean_says_so_of_every_candidate(tmp_path: Path) -> None:
    with running_farm(tmp_path, LAKE_PATH="no-such-lake") as bare:
        answer = post(bare, [{"statement": CONJUNCTION, "candidates": ["trivial"] * 6}]).json()
    assert answer["reason"] == "farm_error"
    [result] = answer["results"]
    assert [each["status"] for each in result["candidates"]] == ["farm_error"] * 6
    assert "Lean was not found" in result["candidates"][0]["error"]
