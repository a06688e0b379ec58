"""New syntax behind the gate: notation and quoted macros pass; programs, and tokens that it would misread, do not."""

from __future__ import annotations

import pytest

from workers.lean.gate.strict import refuse

THEOREM = "\ntheorem t : 1 + 1 = 2 := rfl"


@pytest.mark.parametrize(
    "syntax",
    [
        'notation "ℕ₂" => Nat × Nat',
        'local notation "two" => 2',
        'scoped notation "‖" x "‖" => norm x',
        'notation:50 a " ~~ " b:51 => a = b',
        'infixl:65 " +++ " => Nat.add',
        'prefix:max "√√" => Nat.succ',
        'notation "a" => f $ g 1',
        'notation "ℝ+" => PosReal',
        'notation "ℝ⁺" => PosReal',
        'notation:10000 n "!" => Nat.factorial n',
        'local notation n "!!" => Nat.doubleFactorial n',
        'local notation "𝔼[" X "]" => ∫ x, X x',
        'scoped notation "S(" t ", " k ")" => SteinerSystem t k',
        'notation "ℝ≥0" => NNReal',
        'infixl:70 " ∘ₗ " => comp',
        'macro "triv" : tactic => `(tactic| rfl)',
        'macro "foo" x:term : tactic => `(tactic| exact ($x))',
        'macro "dbl" x:term:max : term => `($x + $x)',
        'macro "t" ts:term,* : tactic => `(tactic| simp [$ts,*])'.replace("$ts,*", "foo"),
        'macro (name := foo) (priority := high) "t" x:num : term => `($x + 1)',
        'macro:max "t" x:term:max y:sepBy1(term, ", ") ppSpace "u" tactic : term => `($x)',
        'macro "t" x:term : term => `(term| $x)\n\nmacro "u" x:term : term => `($x)',
        'macro "a" : tactic => `(tactic| rfl)\n\n/-- b -/\nmacro "b" : tactic => `(tactic| (a; a))',
    ],
)
def test_notation_and_quoted_macros_pass(syntax: str) -> None:
    assert refuse(syntax + THEOREM) is None


@pytest.mark.parametrize(
    "syntax",
    [
        *(
            f'notation "{token}" => 1'
            for token in (
                "x--",
                "/-",
                "a/b",
                "'a",
                "#e",
                "axiom",
                "xaxiom",
                "«",
                "(x",
                "\\u0061xiom",
                "axiom+",
                "x≥0y",
                "x[",
                "open(",
                "!x",
                "![",
                "x.",
            )
        ),
        'notation "x" => $(f)',
        'notation "x" => $y',
        'notation "x" => 1\ndef f := $(g)',
        'macro "x" : command => `(def a := 1)',
        'macro "x" : doElem => `(doElem| pure 1)',
        'macro "x" : tactic => do return x',
        'macro "x" : tactic => (`(tactic| rfl))',
        'macro "x" : tactic => `(term| 1)',
        'macro "x" : tactic => `(tactic| rfl) >>= f',
        'macro "x" : tactic => `(tactic| rfl)\n  |> f',
        'macro "x" : tactic => `(tactic| rfl) -- a\n >> f',
        'macro "x" : tactic => `(tactic| rfl)\nfoo',
        'macro "x" : term => `($(f 1))',
        'macro "x" : term => `(")" $(f 1))',
        'macro "x" y:term : term => `($y + $z)',
        'macro "x" y:term : term => `($[$y]*)',
        'macro "x" : term',
        'macro "zz" foo : tactic => `(tactic| rfl)',
        'macro "zz" x:foo : tactic => `(tactic| rfl)',
        'macro "zz" x:foo:max : tactic => `(tactic| rfl)',
        'macro "zz" x:many1(foo) : tactic => `(tactic| rfl)',
        'macro "zz" x:superscript(term) : term => `($x)',
        'macro "zz" x:«foo bar» : tactic => `(tactic| rfl)',
        'macro "zz" x:max : tactic => `(tactic| rfl)',
        'def num := f\nmacro "zz" x:num : tactic => `(tactic| rfl)',
        'def «num» := f\nmacro "zz" num : tactic => `(tactic| rfl)',
        'macro "zz" x:num : tactic => `(tactic| rfl)\ndef A.num := f',
        'open A renaming foo → num\nmacro "zz" x:num : tactic => `(tactic| rfl)',
        'def x := 0xamacro "x" : command => `(axiom c : False)',
        "macro_rules | `(x) => `(y)",
        'syntax "x" : term',
        'notation3 "x" => 1',
    ],
)
def test_programs_and_tokens_that_the_gate_would_misread_do_not(syntax: str) -> None:
    assert refuse(syntax + THEOREM) is not None


@pytest.mark.parametrize("code", ["theorem macro_x : 1 = 1 := rfl", "rw [List.prefix_iff]", "h.notation", "«macro»"])
def test_names_are_no_syntax(code: str) -> None:
    assert refuse(code) is None
