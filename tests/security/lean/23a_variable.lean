-- row: 23
-- statement: theorem target : 1 + 1 = 3
-- expect: statement
-- scripted: -
-- why: the script knows no variables
variable (h : False)
include h
theorem target : 1 + 1 = 3 := h.elim
