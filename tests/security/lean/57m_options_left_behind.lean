-- row: 57
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
theorem target : True := trivial
set_option maxRecDepth 8
set_option pp.all true
