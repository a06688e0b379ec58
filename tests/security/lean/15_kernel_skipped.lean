-- row: 15
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
set_option debug.skipKernelTC true in
theorem target : 1 + 1 = 3 := by decide
