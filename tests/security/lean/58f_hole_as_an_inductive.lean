-- row: 58
-- statement: def sol : Type := sorry\ntheorem target : ∀ x y : sol, x = y
-- expect: error statement
inductive sol : Type | one
theorem target : ∀ x y : sol, x = y := fun sol.one sol.one => rfl
