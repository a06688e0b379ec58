-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: missing
private abbrev sol : Nat := 2
theorem target : sol = 2 := rfl
