"""The gate and rules of aesop: a rule may not run a definition of the text."""

from __future__ import annotations

import pytest

from workers.lean.gate.strict import refuse


@pytest.mark.parametrize(
    "text",
    [
        "@[aesop 100%] def f : T := x",
        "@[aesop safe] noncomputable def f (g : Nat) := x",
        "@[aesop safe [tactic]] theorem f : T := x",
        "@[aesop safe «tactic»] theorem f : T := x",
        "@[simp, aesop norm] private def f : T := x",
        "def f : T := x\nattribute [aesop safe] f",
        "attribute [aesop safe [tactic, cases]] f",
        "def f : T := x\nexample : T := by aesop (add safe f)",
        "example : T := by aesop (add tactic safe f)",
        "abbrev f : T := x\nadd_aesop_rules safe [f]",
        "add_aesop_rules [tactic safe f]",
        "add_aesop_rules safe apply g\ndef f : T := x where g := y\nadd_aesop_rules safe f.g",
        "theorem t : T := by\n  let rec f : T := x\n  aesop (add safe t.f)",
        "@[aesop 100%\n\n] def f : T := x",
        f"@[aesop 100%{' ' * 1000}] def f : T := x",
        f"def f : T := x\nattribute [aesop safe] g{' ' * 1000}f",
        f"def f : T := x\nexample : T := by aesop (add safe g{' ' * 1000}, safe f)",
        "@[aesop 100%] nonrec def f : T := x",
        "@ [aesop 100%] instance : T := x",
        "def f : Aesop.TacGen := x",
        "open Lean\n@[aesop safe apply] def f (g : MVarId) := x",
        "def f : T := x\nexample : T := by aesop (add safe [f, apply g])",
        "def f : T := x\nexample : T := by aesop (add safe apply g, safe f)",
        "def f : T := x\nexample : T := by aesop (add safe apply [g, default f])",
        "def f : T := x\nexample : T := by aesop (add safe [[apply g], f])",
        "def f : T := x\nexample : T := by aesop (add safe f (immediate := [simp]))",
        "def f : T := x\nexample : T := by aesop (add safe (index := [target simp]) f)",
        "def f : T := x\nexample : T := by aesop (add(f) safe)",
        "def f : T := x\nattribute [aesop [safe 1, safe apply]] f",
        "@[aesop safe (pattern := cases)] def f : T := x",
        "@[to_additive (attr := aesop safe) apply] def f : T := x",
        "def f : T := x\nexample : T := by arith_mult (add safe f)",
        "def f : T := x\nexample : T := by restrict_tac (add 50% f)",
        "def f : T := x\nexample : T := by finiteness ( add norm f)",
        "irreducible_def f : T := x\nexample : T := by aesop (add safe f)",
        "example := 1def f : T := x\nexample : T := by aesop (add safe f)",
        "structure S := (f : T := x)\nexample : T := by aesop (add safe S.f._default)",
    ],
)
def test_an_aesop_rule_that_may_be_a_program_of_the_text_is_refused(text: str) -> None:
    assert refuse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "@[aesop safe apply] theorem f : T := x",
        "@[aesop unsafe 10% apply] lemma f : T := x",
        "@[aesop norm unfold] def f : T := x",
        "@[aesop safe [constructors, cases]] inductive P : Prop where\n  | a : P",
        "def f : T := x\nexample : T := by aesop (add safe unfold f)",
        "example : T := by aesop (add safe g)",
        "attribute [aesop safe apply] g",
        'macro "x" : tactic => `(tactic| aesop)',
        "def f : T := x\nexample : T := by finiteness (add unfold [f, g])",
        "def f : T := x\nexample : T := by finiteness (add norm unfold [f, g])",
        "def f : T := x\nexample : T := by aesop (add safe [apply f, [cases g]], norm simp f)",
        "def f : T := x\nexample : T := by aesop (add safe forward f (immediate := [h]))",
        "@[aesop safe apply, norm_cast] def f : T := x",
        "@[to_additive (attr := aesop safe apply)] def f : T := x",
        "def f : T := x\nattribute [-aesop] f",
        "def add (a b : ℕ) : ℕ := a + b\nexample : (add 1 2) = 3 ∧ (add (5 % 3) 1) = 3 := by simp [add]",
    ],
)
def test_other_aesop_rules_pass(text: str) -> None:
    assert refuse(text) is None
