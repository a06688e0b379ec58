-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = sol
-- expect: statement
theorem sol : 1 = 1 := rfl
theorem target : sol = sol := rfl
