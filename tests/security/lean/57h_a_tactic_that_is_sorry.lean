-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry error
macro "rfl'" : tactic => `(tactic| sorry)
theorem target : 1 + 1 = 3 := by rfl'
