-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: missing
theorem target : hole_0_0 = 2 := rfl
