"""Rows in the columns of public data sets, turned into proofs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from farm import Proof, proof_from_row
from farm.client.columns import is_data_set
from farm.client.completions import proof_of
from farm.errors import InvalidRequest

HEADER = "import Mathlib\nimport Aesop\n\nset_option maxHeartbeats 400000\n\nopen Nat Real\n"
THEOREM = "theorem even_sum (a b : ℕ) (ha : Even a) (hb : Even b) : Even (a + b) := by\n"
HOLE = "abbrev s : Nat := sorry\ntheorem t : s = 1"
WHOLE = "import Mathlib\n\ntheorem even_sum (a b : ℕ) (ha : Even a) (hb : Even b) : Even (a + b) := ha.add hb\n"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            {"name": "even_sum", "split": "test", "header": HEADER, "formal_statement": THEOREM, "proof": "exact h"},
            {"problem": "even_sum", "statement": f"{HEADER}\n{THEOREM}", "code": "by\nexact h"},
        ),
        (
            {"problem_name": "p", "formal_statement": f"import Mathlib\n{THEOREM}", "header": HEADER, "proof": WHOLE},
            {"problem": "p", "statement": f"import Mathlib\n{THEOREM}", "code": WHOLE},
        ),
        ({"uuid": "u1", "lean4_code": WHOLE}, {"id": "u1", "code": WHOLE}),
        ({"header": HEADER, "lean4_code": "example : 1 = 1 := rfl"}, {"code": f"{HEADER}\nexample : 1 = 1 := rfl"}),
        (
            {"name": "p", "lean4_code": f"import Mathlib\n{THEOREM}  sorry", "proof": "exact ha.add hb"},
            {"problem": "p", "statement": f"import Mathlib\n{THEOREM}  sorry", "code": "exact ha.add hb"},
        ),
        (
            {"problem": "Show that …\nand so on.", "formal_statement": THEOREM, "formal_proof": "by simp"},
            {"statement": THEOREM, "code": "by simp"},
        ),
        (
            {"reward_model": {"style": "rule", "ground_truth": THEOREM}, "proof": "by simp"},
            {"statement": THEOREM, "code": "by simp"},
        ),
        (
            {
                "reward_model": {
                    "ground_truth": {
                        "formal_statement": "abbrev sol : ℕ := sorry\ntheorem t : sol = 1 := sorry",
                        "header": "import Mathlib",
                        "answers": {"sol": "1", "other": None},
                        "targets": ["t"],
                    }
                },
                "code": "abbrev sol : ℕ := 1\ntheorem t : sol = 1 := rfl",
            },
            {
                "statement": "import Mathlib\n\nabbrev sol : ℕ := sorry\ntheorem t : sol = 1 := sorry",
                "code": "abbrev sol : ℕ := 1\ntheorem t : sol = 1 := rfl",
                "answers": {"sol": "1"},
                "targets": ["t"],
            },
        ),
        (
            {"reward_model": {"ground_truth": '{"statement": "theorem t : 1 = 1"}'}, "code": "rfl"},
            {"statement": "theorem t : 1 = 1", "code": "rfl"},
        ),
        (
            {"statement": HOLE, "code": "x", "answers": [("s", "1")], "targets": "t"},
            {"statement": HOLE, "code": "x", "answers": {"s": "1"}, "targets": ["t"]},
        ),
        (
            {"statement": HOLE, "code": "x", "answers": '{"s": "1"}'},
            {"statement": HOLE, "code": "x", "answers": {"s": "1"}},
        ),
    ],
)  # fmt: skip
def test_a_row_is_the_proof_that_its_columns_say(row: dict[str, Any], expected: dict[str, Any]) -> None:
    assert proof_from_row(row) == Proof(**expected)
    assert is_data_set(row) or set(row) <= {"statement", "code", "answers", "targets"}


def test_columns_that_are_named_go_before_the_usual_ones() -> None:
    row = {"stmt": THEOREM, "formal_statement": "nonsense", "answer": "by simp", "proof": "no", "extra": {"id": "7"}}

    found = proof_from_row(row, statement="stmt", code="answer", problem="extra.id")

    assert (found.statement, found.code, found.problem) == (THEOREM, "by simp", "7")


def test_a_field_may_lie_in_structs_in_each_other() -> None:
    truth = {"formal_statement": "theorem t : 1 = 1", "name": "t"}
    row = {"reward_model": {"ground_truth": truth}, "proof": "rfl"}

    assert proof_from_row(row, problem="reward_model.ground_truth.name").problem == "t"
    with pytest.raises(LookupError, match="title"):
        proof_from_row(row, problem="reward_model.ground_truth.title")


def test_a_field_can_be_left_out() -> None:
    assert proof_from_row({"formal_statement": "prose", "proof": WHOLE}, statement="") == Proof(code=WHOLE)


def test_a_named_column_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match=r"reward_model\.answer"):
        proof_from_row({"reward_model": {}, "proof": WHOLE}, statement="reward_model.answer")


def test_a_row_of_statements_alone_is_no_proof() -> None:
    with pytest.raises(ValidationError, match="code"):
        proof_from_row({"name": "p", "header": HEADER, "formal_statement": THEOREM})


def test_a_bare_proof_is_no_row_of_a_data_set() -> None:
    assert not is_data_set({"id": "a", "code": WHOLE, "statment": THEOREM})


@pytest.mark.parametrize(
    ("proof", "code"),
    [
        ("  norm_num\n  simp", "by\n  norm_num\n  simp"),
        ("-- first\n· simp", "by\n-- first\n· simp"),
        ("by simp", "by simp"),
        (":= by simp", ":= by simp"),
        ("fun h => h", "fun h => h"),
        (WHOLE, WHOLE),
        ("@[simp] theorem x : 1 = 1 := rfl", "@[simp] theorem x : 1 = 1 := rfl"),
    ],
)
def test_tactics_go_on_where_the_statement_ends_in_by(proof: str, code: str) -> None:
    assert proof_from_row({"formal_statement": THEOREM, "proof": proof}).code == code
    term = proof_from_row({"formal_statement": THEOREM.removesuffix("by\n"), "proof": proof})
    assert term.code == proof, "behind `:=` it stands as it is"


def nested(levels: int) -> Any:
    """Return a statement's cell with structs in structs."""
    cell: Any = THEOREM
    for _ in range(levels):
        cell = {"statement": cell}
    return cell


def test_structs_may_lie_in_each_other_but_not_too_deep() -> None:
    assert proof_from_row({"formal_statement": nested(20), "proof": "by rfl"}).statement == THEOREM
    with pytest.raises(ValueError, match="too deep"):
        proof_from_row({"formal_statement": nested(10_000), "proof": "by rfl"})


def test_a_sample_whose_statement_lies_too_deep_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"Sample 7: statement: .*too deep"):
        proof_of("by rfl", nested(10_000), 7)
