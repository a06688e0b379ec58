-- row: 21
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
theorem target : 1 + 1 = 2 := rfl
