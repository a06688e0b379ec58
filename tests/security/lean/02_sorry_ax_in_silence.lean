-- row: 2
-- statement: theorem target : 1 + 1 = 3
-- expect: policy sorry
set_option warn.sorry false
theorem target : 1 + 1 = 3 := sorryAx _ false
