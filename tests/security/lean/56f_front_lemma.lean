-- row: 56
-- statement: theorem helper : 1 + 1 = 2 := rfl\ntheorem target : 1 + 1 = 3
-- expect: statement
theorem helper : 1 + 1 = 3 := by sorry
theorem target : 1 + 1 = 3 := helper
