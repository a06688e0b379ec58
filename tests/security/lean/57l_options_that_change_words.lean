-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry error
set_option pp.all true
set_option pp.sorrySource true
theorem target : 1 + 1 = 3 := by sorry
