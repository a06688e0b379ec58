-- row: 25
-- statement: theorem target : 1 + 1 = 3
-- expect: statement error
-- scripted: -
-- why: the notation may be; the script does not know what it changes
local notation a " = " b => True
theorem target : 1 + 1 = 3 := trivial
