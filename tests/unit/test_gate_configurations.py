"""The gate and configurations of tactics, which Lean runs while it elaborates: only literals pass."""

from __future__ import annotations

import pytest

from workers.lean.gate.strict import refuse


@pytest.mark.parametrize(
    "text",
    [
        "simp (config := { maxSteps := f 1 })",
        "simp (config := f)",
        "simp (config := { f with maxSteps := 1 })",
        "simp (config := { maxSteps := .foo })",
        "simp (config := { decide })",
        "simp (config := ⟨1, true⟩)",
        "simp (config := 1)",
        "simp (config := {1})",
        "simp (config := { maxSteps := 1 }.f)",
        "foo (config := fun g => x)",
        "aesop (simp_config := f)",
        "simp (maxSteps := f)",
        "simp +decide (zeta := false) (maxSteps := f)",
        "simp! (disch := assumption) (maxSteps := f) [h]",
        "@[simps (config := f)] def g := x",
        "solve_by_elim (config := { discharge := fun g => x })",
        "solve_by_elim* (config := { «discharge» := f })",
        "solve_by_elim (config := { toBacktrackConfig := 1 })",
        "solve_by_elim (config := { toBacktrackConfig.discharge := 1 })",
        "solve_by_elim (config := .all)",
        "apply_rules (suspend := fun g => x) [bar]",
        "apply_rules -symm (maxDepth := 3)\n  (suspend := f) [bar]",
        "apply_assumption (proc := true)",
        "linarith (config := { discharger := f })",
        "linarith! (preprocessors := [f])",
        "0xnlinarith(preprocessors := [])",
        "linarith (oracle := .foo)",
        "linarith (discharger := x)",
        "def CertificateOracle.fourierMotzkin := x\nexample := by linarith (oracle := .fourierMotzkin)",
        "namespace A\ndef fourierMotzkin := x\nexample := by linarith (config := { oracle := .fourierMotzkin })",
        "def p : Linarith.GlobalBranchingPreprocessor := x",
        "def p : Lean.Meta.SolveByElim.SolveByElimConfig := x",
        "def p : LinarithConfig := x",
        'macro "x" t:term : tactic => `(tactic| simp (config := $t))',
        "def instances : Nat := f\nexample := by simp (maxSteps := instances)",
        "namespace N\ndef «true».{u} : Nat := f\nexample := by simp (maxSteps := true)",
        "abbrev Nat.all := f\nexample := by simp (maxSteps := .all)",
        "def g := x\nwhere\n  h := 1\n  all : Nat := f\nnamespace g\nexample := by simp (maxSteps := all)",
        "open N renaming f → all\nexample := by simp (maxSteps := all)",
        "instance : Inhabited Nat := ⟨f⟩\nexample := by simp (maxSteps := default)",
        'notation "instances" => f\nexample := by simp (maxSteps := instances)',
        'notation "some[" x "]" => f x\nexample := by simp (maxSteps := some[1])',
        "def all x := f x\nexample := by simp (maxSteps := all 1)",
        "instance (priority := (100)) all : N := f\nexample := by simp (maxSteps := all)",
        "namespace Nat\nabbrev all := f\nexample := by simp (maxSteps := .all)",
        "def Nat := g\nwhere\n  all : Nat := f\nexample := by simp (maxSteps := .all)",
    ],
)
def test_a_configuration_that_is_a_program_is_refused(text: str) -> None:
    assert refuse(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "simp_all (config := {decide := true})",
        "variable [Inhabited A]\nexample := by rw (transparency := .default) [h]",
        "structure S where\n  pos : 0 < x\nexample := by rw (occs := .pos [1]) [h]",
        "example := by\n  refine ⟨_, hn.pos (by simp)⟩\n  rw (occs := .pos [1]) [h]",
        "def pos (x : ℝ) := x\nexample := by rw (occs := .pos [1]) [h]",
        "example := by\n  show true ||\n  false || x\n  simp (config := { decide := false })",
        "simp (config := { decide := Bool.true, maxSteps := 100\n  zeta := false, }) [h]",
        "simp (config := {})",
        "simp (maxSteps := 500000) [h, foo (n := k)]",
        "simp +arith (disch := (simp; assumption)) only [h (n := k)]",
        "field_simp (discharger := norm_num [f]) at h",
        "rw (config := { occs := .pos [1, 3] }) [h]",
        "rw (occs := .neg [2]) [h]",
        "rw [foo (n := k), bar]",
        "linarith (config := { oracle := .fourierMotzkin })",
        "nlinarith (config := { degree := 3 }) [h (n := k)]",
        "apply_rules (config := { transparency := .reducible }) [h]",
        "aesop (config := { introsTransparency? := some .default }) (simp_config := { arith := true })",
        "exact foo (n := f 2) (discharge := g)",
        "apply foo (config' := g)",
        "exact of_simp (n := k) (h.simp (m := k))",
        "exact congr (f := g) h (decide (p := q))",
        "let config := f 2",
        "def foo : Bool := true\nexample := by simp (config := { decide := true, zeta := false })",
        "match b with\n| true => 1\n| false => 2\nexample := by simp (decide := true)",
        "@[simps (config := .asFn)] def f := x",
        "linear_combination (exp := 2) h",
    ],
)
def test_literals_and_named_arguments_pass(text: str) -> None:
    assert refuse(text) is None
