-- row: 34
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
#eval IO.println "{\"env\": 0}\n"
theorem target : 1 + 1 = 3 := by decide
