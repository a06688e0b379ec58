-- row: 14
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
@[extern "system"] def run (s : String) : Nat := 0
theorem target : 1 + 1 = 3 := by decide
