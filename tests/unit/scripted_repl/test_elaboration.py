"""What the scripted REPL says of texts and tactics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lean_interact import AutoLeanServer, Command, ProofStep
from lean_interact.interface import (
    LeanError,
)

from tests.support.repl.asking import FIB, Run, ask, brief
from tests.support.repl.install import install
from tests.support.repl.serving import Pipes, serving


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (FIB, []),
        (
            "-- sorry\n/- sorry /- sorry -/ sorry -/\ndef s := \"sorry\"\ndef sorry' := 's'\n#eval 7 % 4",
            [("info", 5, 0, "3")],
        ),
        ("theorem t : 1 = 1 := by\n  sorry", [("warning", 1, 8, "declaration uses `sorry`")]),
        ("@[simp] private example : 1 = 1 := sorry", [("warning", 1, 16, "declaration uses `sorry`")]),
        (
            "#check Nat\n#check x.y\n  #check (1 : ℕ)",
            [("info", 1, 0, "Nat : Type"), ("info", 2, 0, "x.y : <scripted>"), ("info", 3, 2, "(1 : ℕ) : <scripted>")],
        ),
        ('#print "sync 8f3a"', [("info", 1, 0, "sync 8f3a")]),
        ('#eval "hi"\n#eval 2^10 - 1', [("info", 1, 0, '"hi"'), ("info", 2, 0, "1023")]),
        ("#print axioms Nat.add_comm", [("info", 1, 0, "'Nat.add_comm' does not depend on any axioms")]),
        ("#print axioms nope", [("error", 1, 0, "unknown constant 'nope'")]),
        (
            "def f := 1\nimport Lean",
            [("error", 2, 0, "invalid 'import' command, it must be used in the beginning of the file")],
        ),
        ("def a := 1\n#exit\n#eval 1 sorry", [("warning", 2, 0, "using 'exit' to interrupt Lean")]),
        ("def a := 1 /- open", [("error", 1, 18, "unterminated comment")]),
        ('def a := "open', [("error", 1, 14, "unterminated string literal")]),
        (
            "def a : A := 1\ndef a : B := 2\n#check a",
            [("error", 2, 4, "'a' has already been declared"), ("info", 3, 0, "a : A")],
        ),
        ("#print Nat", [("info", 1, 0, "Nat : Type")]),
        ("namespace A\ndef a := 1\nend A\ndef a := 2", []),
        ("end", [("error", 1, 0, "Invalid `end`: There is no current scope to end")]),
        (
            "namespace A\nend",
            [("error", 2, 0, "Missing name after `end`: Expected the current scope name `A`")],
        ),
        ("section A\nend B", [("error", 2, 0, "Invalid name after `end`: Expected `A`, but found `B`")]),
        (
            "noncomputable section\nend A",
            [("error", 2, 0, "Unexpected name `A` after `end`: The current section is unnamed")],
        ),
        ("@[expose] public section\ndef a := 1\nend\nsection open_at_the_end", []),
        (
            "set_option pp.sorrySource true\ntheorem t : 1 = 1 := by\n  sorry",
            [("warning", 2, 8, "declaration uses `sorry `«M:3:2»`")],
        ),
    ],
)
def test_what_is_said_about_text(run: Run, text: str, expected: list[tuple[str, int, int, str]]) -> None:
    assert brief(run(text or " ").messages) == expected


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("2 + 2 = 4", True),
        ("2 + 2 = 5", False),
        ("2 - 3 = 0", True),
        ("3 * 5 = 15", True),
        ("(2 : ℤ) - 3 = -1", True),
        ("(2 : ℤ) - 3 = 0", False),
        ("(2 : ℤ) - 3 = -2", False),
        ("3 ^ 60000 = 1", True),
        ("2 ^ 10 % 7 < 3 * (1 + 1)", True),
        ("7 / 2 ≥ 4", False),
        ("7 / 0 ≠ 0", False),
        ("1 ≤ 1 ∧ 2 > 3", False),
        ("False", False),
        ("x = 5", True),
        ("9 ^ 9 ^ 9 = 1", True),
    ],
)
@pytest.mark.parametrize("proof", ["rfl", "decide", "by decide", "by\n  norm_num", "by omega", "by simp <;> linarith"])
def test_closed_arithmetic_is_really_computed(run: Run, statement: str, holds: bool, proof: str) -> None:
    """What cannot be computed passes, and so does a false statement with hypotheses or an unknown proof."""
    response = run(f"theorem t : {statement} := {proof}")
    assert response.has_errors() is not holds
    assert not run(f"theorem t (h : x = 1) : {statement} := {proof}").messages
    assert not run(f"theorem t : {statement} := by\n  norm_num\n  exact magic").messages


def test_an_arithmetic_error_points_at_the_tactic(run: Run) -> None:
    (message,) = run("example : 2 + 2 = 5 := by\n  norm_num").messages
    assert message.data == "unsolved goals\n⊢ False"
    assert (message.start_pos.line, message.start_pos.column) == (2, 2)
    assert message.end_pos is not None
    assert (message.end_pos.line, message.end_pos.column) == (2, 10)


@pytest.mark.parametrize(
    ("text", "goals"),
    [
        (
            "theorem t (x y : Nat) {α : Type u} [Ring α] (h : (x : ℤ) = y) : x = x := by sorry",
            ["x y : Nat\nα : Type u\ninst✝ : Ring α\nh : (x : ℤ) = y\n⊢ x = x"],
        ),
        ("example : A := by\n  have h : B := by sorry\n  show C from sorry\n  sorry", ["⊢ B", "⊢ C", "⊢ A"]),
        ("def f : Nat →\n  Nat\n  | 0 => sorry\n  | _ => 1", ["⊢ Nat → Nat"]),
        ("def f := sorry", ["⊢ <scripted>"]),
        ("lemma l : ∀ n : Nat, n = n := by sorry", ["⊢ ∀ n : Nat, n = n"]),
    ],
)
def test_the_goal_of_a_sorry(run: Run, text: str, goals: list[str]) -> None:
    response = run(text)
    assert [one.goal for one in response.sorries] == goals
    assert [one.severity for one in response.messages] == ["warning"]


def test_axioms_are_followed_through_declarations_and_commands(run: Run) -> None:
    env = run("namespace N\naxiom choice : 1 = 2\ntheorem a : 1 = 2 := choice\ntheorem b : True := by sorry").env
    env = run("theorem c : 1 = 1 := by\n  exact (a, b, native_decide)\ntheorem d : 1 = 1 := rfl", env).env
    shown = run("#print axioms c\n#print axioms d\n#print axioms N.a\nend N\n#print axioms N.b", env).messages
    assert [one.data for one in shown] == [
        "'N.c' depends on axioms: [Lean.ofReduceBool, N.choice, sorryAx]",
        "'N.d' does not depend on any axioms",
        "'N.a' depends on axioms: [N.choice]",
        "'N.b' depends on axioms: [sorryAx]",
    ]
    hidden = run("theorem e : False := sorryAx _ false\n#print axioms e")
    assert brief(hidden.messages) == [("info", 2, 0, "'e' depends on axioms: [sorryAx]")]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("silent", []),
        ("message", [("error", 2, 0, "unknown module prefix 'Mathlbi'")]),
    ],
)
def test_a_failed_import_breaks_what_follows(tmp_path: Path, how: str, expected: list[Any]) -> None:
    header = "-- header\nimport Mathlbi.Tactic\nimport Others"
    with serving(install(tmp_path, SCRIPTED_IMPORT_ERRORS=how)) as server:
        response = ask(server, Command(cmd=header))
        assert brief(response.messages) == expected
        after = ask(server, Command(cmd='open Nat\ntheorem t : 1 = 1 := rfl\n#print "x"', env=response.env))
        assert brief(after.messages) == [
            ("error", 1, 5, "unknown namespace 'Nat'"),
            ("error", 2, 8, "Unknown constant `OfNat`"),
            ("info", 3, 0, "x"),
        ]


def test_which_modules_exist_and_how_their_absence_shows_can_be_set(tmp_path: Path) -> None:
    where = install(tmp_path, SCRIPTED_MODULES="Init,Mine", SCRIPTED_IMPORT_ERRORS="leanerror")
    with Pipes(where) as pipes:
        assert pipes.ask({"cmd": "public import Mine.Deep\nimport Init"}) == {"env": 0}
        assert pipes.ask({"cmd": "import Mathlib"})["message"].startswith(
            "unknown module prefix 'Mathlib'\n\nNo directory"
        )


@pytest.mark.parametrize(
    ("goal", "tactic", "goals", "status"),
    [
        ("1 = 1", "rfl", [], "Completed"),
        ("p", "exact fun h => h", [], "Completed"),
        ("p", "sorry", [], "Incomplete: contains sorry"),
        ("a ∧ b ∧ c", "constructor", ["case left\n⊢ a", "case right\n⊢ b ∧ c"], "Incomplete: open goals remain"),
        ("∀ (n : Nat), p n → q", "intro n hp", ["n : Nat\nhp : p n\n⊢ q"], "Incomplete: open goals remain"),
        ("p", "have h : q := by sorry", ["h : q\n⊢ p"], "Incomplete: open goals remain"),
        ("p", 'trace "37"', ["⊢ p"], "Incomplete: open goals remain"),
    ],
)
def test_tactics(run: Run, server: AutoLeanServer, goal: str, tactic: str, goals: list[str], status: str) -> None:
    state = run(f"example : {goal} := by sorry").sorries[0].proof_state
    assert state is not None
    response = ask(server, ProofStep(proof_state=state, tactic=tactic))
    assert (response.goals, response.proof_status) == (goals, status)
    assert response.traces == (["37"] if "trace" in tactic else [])
    assert [one.proof_state for one in response.sorries] == ([state + 1] if "sorry" in tactic else [])


@pytest.mark.parametrize(
    ("goal", "tactic", "complaint"),
    [
        ("2 + 2 = 5", "decide", "Lean error:\ntactic 'decide' proved that the proposition\n  2 + 2 = 5\nis false"),
        ("p", "exat 42", "Lean error:\n<input>:1:1: unknown tactic"),
        ("p", "constructor", "Lean error:\ntactic 'constructor' failed, target is not inductive\n⊢ p"),
        ("p", "intro h", "Lean error:\ntactic 'introN' failed, insufficient number of binders\n⊢ p"),
    ],
)
def test_tactics_that_fail(run: Run, server: AutoLeanServer, goal: str, tactic: str, complaint: str) -> None:
    state = run(f"example : {goal} := by sorry").sorries[0].proof_state
    assert state is not None
    assert ask(server, ProofStep(proof_state=state, tactic=tactic)) == LeanError(message=complaint)


def test_a_finished_proof_takes_no_more_tactics(pipes: Pipes) -> None:
    pipes.ask({"cmd": "example : a ∧ b := sorry"})
    pipes.ask({"tactic": "have h : c\n  := g", "proofState": 0})
    split = pipes.ask({"tactic": "constructor", "proofState": 1})
    assert split["goals"] == ["case left\nh : c\n⊢ a", "case right\nh : c\n⊢ b"]
    pipes.ask({"tactic": "sorry", "proofState": 2})
    assert pipes.ask({"tactic": "trivial", "proofState": 4})["proofStatus"] == "Incomplete: contains sorry"
    assert pipes.ask({"tactic": "rfl", "proofState": 5}) == {"message": "Lean error:\nno goals to be proved"}
