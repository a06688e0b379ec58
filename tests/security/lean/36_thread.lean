-- row: 36
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
initialize t : Task Unit ← IO.asTask (IO.sleep 1000)
theorem target : 1 + 1 = 3 := by decide
