-- row: 34
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: Lean reads `#eval` and then the name
def x := 1
#evalx
theorem target : 1 + 1 = 3 := by decide
