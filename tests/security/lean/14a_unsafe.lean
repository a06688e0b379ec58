-- row: 14
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
unsafe def loop : False := loop
theorem target : 1 + 1 = 3 := by decide
