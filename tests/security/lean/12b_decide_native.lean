-- row: 12
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : 1 + 1 = 3 := by decide +native
