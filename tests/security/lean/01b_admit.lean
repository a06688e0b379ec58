-- row: 1
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry
-- scripted: -
-- why: the script does not know `admit`
theorem target : 1 + 1 = 3 := by admit
