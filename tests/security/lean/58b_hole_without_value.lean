-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: missing
theorem target : 2 = 2 := rfl
