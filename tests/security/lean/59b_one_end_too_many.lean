-- row: 59
-- statement: theorem target : 1 + 1 = 2
-- expect: parse
theorem target : 1 + 1 = 2 := rfl
end
