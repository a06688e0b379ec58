"""The gate reads a submission together with its statement's front, which runs before it in the same environment."""

from __future__ import annotations

import pytest

from farm.models import Proof
from farm.prepared_proof import prepare
from workers.lean.gate.objections import object_to, object_to_statement
from workers.lean.gate.strict import refuse

THEOREM = "theorem t : 1 + 1 = 2"
PROOFS = ["by simp (config := { maxSteps := f })", "by exact f (n := 1)", "by aesop (add norm g)", "by exact `(x)"]


def objects(front: str, proof: str) -> bool:
    """Whether the gate objects to a proof of `THEOREM` behind this front."""
    return object_to(prepare(Proof(code=proof, statement=f"{front}\n{THEOREM} := sorry")), native=False) is not None


@pytest.mark.parametrize("proof", PROOFS)
@pytest.mark.parametrize(
    "front", ["open Lean", "open Lean Elab", "open Nat Lean in", "namespace Lean\nend Lean", "open Aesop"]
)
def test_a_front_that_opens_leans_machinery_forbids_terms_that_run(front: str, proof: str) -> None:
    """In such a proof, `mkIdent` and the like need no prefix, so the gate could not see them."""
    assert objects(front, proof)
    assert objects(front, f"{THEOREM} := {proof}")


@pytest.mark.parametrize(
    "front", ["open Nat", "-- open Lean", '#check "open Lean"', "open Leaner", "def Foo.Lean := 1"]
)
def test_another_front_forbids_nothing(front: str) -> None:
    assert not objects(front, "by simp (config := { maxSteps := 2 })")
    assert not objects(front, "by exact f (n := 1)")


def test_a_proof_behind_machinery_may_still_do_mathematics() -> None:
    assert not objects("open Lean", "by\n  have h : 1 + 1 = 2 := by norm_num\n  simpa [h] using h")


@pytest.mark.parametrize(
    "front", ["instance (priority := high) bad : Bad := b", 'infixl:65 " + " => bad', "@[simp] def bad := 1"]
)
def test_an_eval_of_numbers_is_refused_where_the_front_may_change_numbers(front: str) -> None:
    assert objects(front, f"{THEOREM} := rfl\n#eval 1 + 1")
    assert not objects("open Nat", f"{THEOREM} := rfl\n#eval 1 + 1")


def test_a_definition_of_the_front_is_no_rule_of_aesop() -> None:
    assert objects("def f := g", "by aesop (add norm f)")
    assert not objects("theorem f : True := trivial", "by aesop (add norm f)")


def test_a_parser_of_a_macro_may_not_be_a_definition_of_the_front() -> None:
    macro = f'macro "zz" x:num : tactic => `(tactic| rfl)\n{THEOREM} := rfl'
    assert objects("def num := f", macro)
    assert not objects('def f := g\nmacro "yy" x:num : tactic => `(tactic| rfl)', macro)


def test_a_type_of_the_front_is_the_texts_own() -> None:
    """Otherwise an honest proof about a structure `Task` would be refused."""
    front = "structure Task where\n  n : Nat"
    assert not objects(front, "by exact (Task.n ⟨2⟩ : Nat) ▸ rfl")
    assert objects("open Nat", "by exact (Task.n ⟨2⟩ : Nat) ▸ rfl")
    assert not objects(front, f"instance : Add Task := ⟨fun a b => ⟨a.n + b.n⟩⟩\n{THEOREM} := rfl")


def test_an_unsafe_definition_in_a_front_is_refused_because_the_proof_may_name_it() -> None:
    text = "unsafe def f := 1\n"
    assert refuse(text) is None
    assert object_to_statement(text + THEOREM) is not None


@pytest.mark.parametrize("code", [f">>= f\n{THEOREM} := rfl", f"-- a\n; f\n{THEOREM} := rfl"])
def test_a_text_may_not_continue_the_macro_before_it(code: str) -> None:
    """At the level `compiled`, front and text run as one, and `>>= f` makes a program of the macro's meaning."""
    assert objects('local macro "m" : term => `(1)', code)
    assert not objects("def m := 1", code)


@pytest.mark.parametrize(
    "code", ["rfl", ":= rfl", f"/-- a -/ {THEOREM} := rfl", f"#check 1\n{THEOREM} := rfl", f"@[simp] {THEOREM} := rfl"]
)
def test_a_text_that_begins_with_a_command_or_a_proof_may_follow_a_macro(code: str) -> None:
    assert not objects('local macro "m" : term => `(1)', code)


@pytest.mark.parametrize(
    "code", [">>= f\nlemma h : P := x\ntheorem t : T := h", ">>= ⊤\nlemma h : P := x\ntheorem t : T := h"]
)
def test_nor_may_it_continue_a_macro_before_a_lemma_that_it_proves(code: str) -> None:
    statement = 'local macro "m" : term => `(1)\nlemma h : P := sorry\ntheorem t : T := sorry'

    assert object_to(prepare(Proof(code=code, statement=statement, targets=["t"])), native=False) is not None
