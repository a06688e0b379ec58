-- row: 57
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
theorem target : 2 = 2 := rfl
