-- row: 5
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry error
-- scripted: -
-- why: what `apply?` leaves behind is Lean's
theorem target : 1 + 1 = 3 := by apply?
