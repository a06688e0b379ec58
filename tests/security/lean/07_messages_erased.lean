-- row: 7
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
theorem target : 1 + 1 = 3 := by decide
run_cmd modify ({· with messages := {}})
