-- row: 25
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
-- why: Lean reads `0xa` and then the command
def x := 0xamacro_rules | `($a = $b) => `(True)
theorem target : 1 + 1 = 3 := trivial
