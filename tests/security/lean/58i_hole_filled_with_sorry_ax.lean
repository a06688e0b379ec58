-- row: 58
-- statement: abbrev sol : Nat := sorry\ntheorem target : sol = 2
-- expect: sorry
noncomputable abbrev sol : Nat := sorryAx _ false
theorem target : sol = 2 := sorryAx _ false
