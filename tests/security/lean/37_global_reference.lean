-- row: 37
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
builtin_initialize r : IO.Ref Nat ← IO.mkRef 0
theorem target : 1 + 1 = 3 := by decide
