-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: statement
abbrev sol : Bool := true
theorem target : sol = true := rfl
