-- row: 29
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
prelude
theorem target : 1 + 1 = 3 := rfl
