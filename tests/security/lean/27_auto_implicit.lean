-- row: 27
-- statement: theorem target {α : Typ} (x : α) : x = x
-- expect: invalid_statement
-- scripted: statement
-- why: the statement has a typing error that autoImplicit would bind
theorem target : 1 + 1 = 2 := rfl
