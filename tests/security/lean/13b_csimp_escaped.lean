-- row: 13
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
def f := 1
attribute [«csimp»] f
theorem target : 1 + 1 = 3 := by decide
