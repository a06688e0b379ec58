-- row: 25
-- statement: theorem target : 1 + 1 = 3
-- expect: policy
local notation a " = " b => True
theorem target : 1 + 1 = 3 := trivial
