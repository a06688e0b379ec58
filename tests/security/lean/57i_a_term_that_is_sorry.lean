-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry error
-- scripted: -
-- why: what Lean makes of it, a script cannot know
macro "easy" : term => `(by sorry)
theorem target : 1 + 1 = 3 := easy
