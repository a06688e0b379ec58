"""When two proofs are the same question: the same text is not enough if other theorems are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from farm.fingerprint import fingerprint
from farm.models import Proof

STATEMENT = "abbrev s : ℕ := sorry\ntheorem a : T := by sorry\ntheorem b : T := by sorry"
OPTIONS: dict[str, Any] = {"level": "checked", "gate": "strict", "timeout_s": 60.0, "environment": "default"}


def question(**fields: Any) -> str:
    return fingerprint(Proof(**{"code": "by rfl", "statement": STATEMENT, **fields}), OPTIONS, "strict")[:64]


@pytest.mark.parametrize(
    "fields",
    [
        {"targets": ["a"]},
        {"targets": ["b"]},
        {"targets": ["a", "b"]},
        {"answers": {"s": "1"}},
        {"answers": {"s": "2"}},
        {"targets": ["b"], "answers": {"s": "1"}},
        {"statement": None},
        {"statement": STATEMENT.replace("theorem b : T", "theorem b : U")},
    ],
)
def test_another_aim_is_another_question(fields: dict[str, Any]) -> None:
    others = [question(), question(targets=["b"], answers={"s": "3"})]

    assert question(**fields) == question(**fields)
    assert question(**fields) not in others


def test_id_problem_and_comments_ask_nothing_else() -> None:
    assert question(id="x", problem="y", statement=STATEMENT + " -- easy") == question()


def test_feedback_is_another_question_and_what_was_known_before_it_stays_known() -> None:
    asked = {"level": "compiled", "gate": "off", "timeout_s": 1.0, "environment": "default"}
    plain = fingerprint(Proof(code="x"), asked, "me")

    assert fingerprint(Proof(code="x"), {**asked, "feedback": False}, "me") == plain
    assert fingerprint(Proof(code="x"), {**asked, "feedback": True}, "me") != plain
