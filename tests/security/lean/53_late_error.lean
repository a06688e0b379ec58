-- row: 53
-- statement: theorem target : 1 + 1 = 3
-- expect: error
theorem target : 1 + 1 = 3 := by decide
theorem later : True := trivial
