-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: sorry error
abbrev sol : Nat := sorry
theorem target : sol = 2 := by sorry
