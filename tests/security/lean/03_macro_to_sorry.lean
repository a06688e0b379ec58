-- row: 3
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry
-- scripted: -
-- why: the macro may be; the script cannot expand it
macro "done!" : tactic => `(tactic| sorry)
theorem target : 1 + 1 = 3 := by done!
