-- row: 22
-- statement: theorem target : 1 + 1 = 2
-- expect: missing
-- why: a text that begins with a command cannot be what follows `:=`
theorem target' : 1 + 1 = 2 := rfl
-- not in front of anything: theorem target
