-- row: 4
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
opaque helper : 1 + 1 = 3 := by sorry
theorem target : 1 + 1 = 3 := helper
