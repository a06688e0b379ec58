-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: missing
notation "sol" => 2
theorem target : sol = 2 := rfl
