-- row: 1
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry error
-- scripted: -
-- why: a tactic of Mathlib's; an error without it
theorem target : 1 + 1 = 3 := by
  stop
  rfl
