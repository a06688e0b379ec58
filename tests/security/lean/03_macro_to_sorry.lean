-- row: 3
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
macro "done!" : tactic => `(tactic| sorry)
theorem target : 1 + 1 = 3 := by done!
