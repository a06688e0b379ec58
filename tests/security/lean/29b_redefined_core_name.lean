-- row: 29
-- statement: theorem target : 1 + 1 = 3
-- expect: error statement
-- scripted: error
def Nat.add (a b : Nat) : Nat := 3
theorem target : 1 + 1 = 3 := rfl
