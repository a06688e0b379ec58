-- row: 59
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : 1 + 1 = 2
-- expect: missing
end A
theorem target : 1 + 1 = 2 := rfl
