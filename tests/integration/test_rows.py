"""Rows of data sets over HTTP: read by the columns that `farm verify` knows, and nothing is verified."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.running import RunningFarm

JSON = {"Content-Type": "application/json"}


def read(farm: RunningFarm, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = httpx.post(f"{farm.url}/v1/rows", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def test_rows_are_read_by_their_usual_columns(farm: RunningFarm) -> None:
    benchmark = {
        "name": "sum",
        "split": "test",
        "header": "import Init",
        "formal_statement": "theorem t : 1 + 1 = 2 := by",
    }
    reward = {
        "reward_model": {"ground_truth": {"statement": "theorem t : s = 1", "answers": {"s": "1"}}},
        "code": "rfl",
    }

    assert read(farm, benchmark, {**benchmark, "proof": "norm_num"}, reward, {"problem_id": 7, "lean4_code": "x"}) == [
        {"id": "sum", "problem": "sum", "statement": "import Init\n\ntheorem t : 1 + 1 = 2 := by"},
        {
            "id": "sum",
            "problem": "sum",
            "statement": "import Init\n\ntheorem t : 1 + 1 = 2 := by",
            "code": "by\nnorm_num",
        },
        {"statement": "theorem t : s = 1", "answers": {"s": "1"}, "code": "rfl"},
        {"id": "7", "problem": "7", "code": "x"},
    ]


def test_a_row_that_cannot_be_read_costs_only_itself(farm: RunningFarm) -> None:
    wrong, right = read(farm, {"formal_statement": ["a"]}, {"code": "x"})

    assert "statement" in wrong["wrong"]
    assert right == {"code": "x"}


def test_a_lone_surrogate_costs_only_its_row(farm: RunningFarm) -> None:
    statement, answers = '{"statement":"\\ud800"}', '{"statement":"theorem t : s = 1","answers":{"\\ud800":"1"}}'
    *wrong, right = read(farm, {"statement": statement}, {"statement": answers, "name": "sum"}, {"code": "x"})

    assert "surrogates" in wrong[0]["wrong"]
    assert (wrong[1]["id"], "answers" in wrong[1]["wrong"]) == ("sum", True)
    assert right == {"code": "x"}


def test_structs_in_structs_are_no_fault(farm: RunningFarm) -> None:
    deep = '{"statement":' * 1010 + "1" + "}" * 1010
    answer = httpx.post(f"{farm.url}/v1/rows", content=f'{{"rows":[{deep}]}}', headers=JSON)

    assert answer.status_code == 200
    assert "too deeply" in answer.json()["results"][0]["wrong"]


def test_a_body_of_another_form_is_refused(farm: RunningFarm) -> None:
    bodies: list[dict[str, Any]] = [{"rows": []}, {"rows": ["x"]}, {"rows": [{}], "columns": {}}, {"rows": [{}] * 1001}]
    for body in bodies:
        answer = httpx.post(f"{farm.url}/v1/rows", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
