-- row: 2
-- statement: theorem target : 1 + 1 = 3
-- expect: sorry
theorem target : 1 + 1 = 3 := sorryAx _ false
