-- row: 26
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
open Nat hiding add
theorem target : 1 + 1 = 3 := by decide
