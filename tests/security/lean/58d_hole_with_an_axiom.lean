-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: policy
axiom sol' : Nat
noncomputable abbrev sol : Nat := sol'
theorem target : sol = 2 := by sorry
