-- row: 12
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
def no (n : Nat) : Bool := false
@[implemented_by no] def yes (n : Nat) : Bool := true
theorem target : 1 + 1 = 3 := by native_decide
