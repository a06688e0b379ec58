-- row: 28
-- statement: theorem target : 1 + 1 = 2
-- expect: missing
-- why: a text that begins with a command cannot be what follows `:=`
example : 1 + 1 = 2 := rfl
