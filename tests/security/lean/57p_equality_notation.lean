-- row: 57
-- statement: theorem target : 1 = 2
-- expect: error statement
-- scripted: -
-- why: what Lean makes of it, a script cannot know
local notation:50 x " = " y => (x = x) ∧ (y = y)
theorem target : 1 = 2 := ⟨rfl, rfl⟩
