-- row: 22
-- statement: theorem target : 1 + 1 = 2
-- expect: missing
private theorem target : 1 + 1 = 2 := rfl
