-- row: 57
-- statement: namespace A\ndef two : Nat := 2\ntheorem target : two = 3
-- expect: statement
namespace A
theorem target : two = 2 := rfl
end A
