-- row: 10
-- statement: theorem target : 1 + 1 = 3
-- expect: missing
-- why: the second letter is Cyrillic
theorem tаrget : 1 + 1 = 2 := rfl
