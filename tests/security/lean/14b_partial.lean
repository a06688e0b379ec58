-- row: 14
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
partial def loop (n : Nat) : Nat := loop (n + 1)
theorem target : 1 + 1 = 3 := by decide
