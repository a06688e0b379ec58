"""Rows in the columns and the style of public benchmarks. All statements and proofs are our own."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

_MINIF2F = (
    "import Mathlib\nimport Aesop\n\nset_option maxHeartbeats 400000\n\nopen BigOperators Real Nat Topology Rat\n\n"
)
_SUM = {
    "name": "sum_of_three",
    "split": "test",
    "informal_prefix": "/-- What is $2+3+4$? Show that it is 9.-/\n",
    "formal_statement": "theorem sum_of_three : (2 : ℕ) + 3 + 4 = 9 := by\n",
    "goal": "⊢ 2 + 3 + 4 = 9",
    "header": _MINIF2F,
}
_SQUARE = {
    "name": "square_of_sum",
    "split": "test",
    "informal_prefix": "/-- Show that $(a+b)^2 = a^2+2ab+b^2$.-/\n",
    "formal_statement": "theorem square_of_sum (a b : ℝ) : (a + b) ^ 2 = a ^ 2 + 2 * a * b + b ^ 2 := by\n",
    "goal": "a b : ℝ\n⊢ (a + b) ^ 2 = a ^ 2 + 2 * a * b + b ^ 2",
    "header": _MINIF2F,
}
MINIF2F: list[Row] = [
    {**_SUM, "proof": "  norm_num"},
    {**_SUM, "proof": "  sorry"},
    {**_SQUARE, "proof": f"{_MINIF2F}{_SQUARE['formal_statement']}  ring"},
    {**_SQUARE, "proof": f"{_MINIF2F}theorem square_of_sum (a b : ℝ) : (a + b) ^ 2 = (a + b) ^ 2 := by\n  rfl"},
]

_DOUBLED = {
    "problem_name": "doubled_number",
    "formal_statement": "import Mathlib\n\nabbrev doubled_number_solution : ℕ := sorry\n-- 84\n/--\nFind the sum"
    " of $42$ and $42$.\n-/\ntheorem doubled_number\n: 42 + 42 = doubled_number_solution := sorry",
    "informal_statement": "Find the sum of $42$ and $42$.",
    "informal_solution": "It is 84.",
    "tags": ["algebra"],
    "split": "test",
}
_ODD = {
    "problem_name": "odd_square",
    "formal_statement": "import Mathlib\n\nopen Nat\n\n/--\nShow that the square of an odd number is odd.\n-/\n"
    "theorem odd_square\n(n : ℕ)\n(hn : Odd n)\n: Odd (n ^ 2) := sorry",
    "informal_statement": "Show that the square of an odd number is odd.",
    "informal_solution": "None.",
    "tags": ["number_theory"],
    "split": "test",
}


def _doubled(value: str) -> str:
    return (
        f"abbrev doubled_number_solution : ℕ := {value}\n\n"
        "theorem doubled_number\n: 42 + 42 = doubled_number_solution := by rfl"
    )


PUTNAM: list[Row] = [
    {**_DOUBLED, "proof": _doubled("84"), "answers": {"doubled_number_solution": "84"}},
    {**_DOUBLED, "proof": _doubled("42 + 42"), "answers": {"doubled_number_solution": "84"}},
    {**_DOUBLED, "proof": _doubled("sorry"), "answers": {"doubled_number_solution": "84"}},
    {**_ODD, "proof": "hn.pow", "answers": None},
]

_PROOFNET = "import Mathlib\n\nopen Fintype Group Monoid\nopen scoped BigOperators\n\n"
PROOFNET: list[Row] = [
    {
        "id": "Ours|exercise_1_1",
        "nl_statement": "Show that a group in which every square is trivial is abelian.",
        "lean4_src_header": _PROOFNET,
        "lean4_formalization": "theorem exercise_1_1 {G : Type*} [Group G] (h : ∀ g : G, g ^ 2 = 1) (a b : G) :\n"
        "  a * b = b * a :=",
        "generated": "by\n  exact mul_comm_of_sq_eq_one h a b",
    },
    {
        "id": "Ours|exercise_1_2a",
        "nl_statement": "Define doubling, and show that it doubles two.",
        "lean4_src_header": _PROOFNET,
        "lean4_formalization": "def double (n : ℕ) : ℕ := 2 * n\n\ntheorem exercise_1_2a : double 2 = 4 :=",
        "generated": "by\n  decide",
    },
    {
        "id": "Ours|exercise_1_3",
        "nl_statement": "Show that 2 + 2 is 5.",
        "lean4_src_header": _PROOFNET,
        "lean4_formalization": "theorem exercise_1_3 : 2 + 2 = 5 :=",
        "generated": "by\n  decide",
    },
]

_FILE = """\
/-
Written for the tests of leanfarm, in the style of a file of conjectures.
-/

import FormalConjecturesUtil

/-!
# Neighbours

*Reference:* none
-/

namespace Neighbours

/-- Two numbers are neighbours if they differ by one. -/
def IsNeighbour (m n : ℕ) : Prop := n = m + 1

/-- Is every number the neighbour of another? -/
@[category research open, AMS 11]
theorem neighbours : ∀ n, ∃ m, IsNeighbour m n := by
  sorry

/-- One and two are neighbours. -/
@[category test, AMS 11]
theorem neighbours.variants.one_two : IsNeighbour 1 2 := by
  sorry

end Neighbours
"""
_NEIGHBOURS = {
    "name": "neighbours.variants.one_two",
    "formal_statement": _FILE,
    "targets": ["Neighbours.neighbours.variants.one_two"],
}
FORMAL_CONJECTURES: list[Row] = [
    {**_NEIGHBOURS, "proof": "by rfl"},
    {**_NEIGHBOURS, "proof": "by\n  unfold IsNeighbour\n  sorry"},
    {**_NEIGHBOURS, "proof": _FILE.replace("n = m + 1", "True").replace("2 := by\n  sorry", "2 := by trivial")},
]

SETS: dict[str, list[Row]] = {
    "minif2f": MINIF2F,
    "putnambench": PUTNAM,
    "proofnet": PROOFNET,
    "formal-conjectures": FORMAL_CONJECTURES,
}
