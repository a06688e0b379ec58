-- row: 28
-- statement: theorem target : 1 + 1 = 2
-- expect: statement
def target : 1 + 1 = 2 := rfl
