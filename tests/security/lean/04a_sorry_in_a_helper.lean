-- row: 4
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry
theorem helper : 1 + 1 = 3 := by sorry
theorem target : 1 + 1 = 3 := helper
