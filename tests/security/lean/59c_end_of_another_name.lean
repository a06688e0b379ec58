-- row: 59
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 2
-- expect: parse
theorem target : two = 2 := rfl
end B
